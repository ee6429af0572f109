"""How evidence is shown: bodies, and commands that send the same bytes again."""

import dataclasses
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import bodies, curl
from reports.results import Body, Exchange
from reports.tests import sample

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)


def made(**changes: object) -> Exchange:
    """Make an ordinary exchange with some fields changed."""
    return dataclasses.replace(Exchange.read("e1", sample.exchange("e1")), **changes)  # type: ignore[arg-type]


def text_body(text: str) -> Body:
    """Make a whole body of text."""
    return Body.read(sample.text_body(text))


def words_in_bash(command: str) -> list[str]:
    """Collect the words that bash hands to curl."""
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + command
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, check=True, timeout=20)
    return done.stdout.decode().split("\0")[:-1]


@given(body=ANY_TEXT, path=ANY_TEXT, value=ANY_TEXT)
def test_a_curl_command_says_exactly_what_was_sent(body: str, path: str, value: str) -> None:
    """Bash hands curl the very method, address, header and body, whatever characters they hold."""
    url = f"http://127.0.0.1/{path}"
    exchange = made(url=url, request_body=text_body(body), request_headers=(("X-Any", value),))
    command = curl.command(exchange)
    if command is None:
        assert any(char == "\0" or "\ud800" <= char <= "\udfff" for char in body + path + value)
        return
    assert all(char.isprintable() or char == "\n" for char in command)
    said = ["--data-raw", body] if body else []
    expected = ["--globoff", "--include", "--request", "POST", "--header", f"X-Any: {value}", *said, "--url", url]
    assert words_in_bash(command) == expected


@pytest.mark.parametrize(
    "body",
    [
        Body.read(sample.bytes_body(b"\xff")),
        Body.read(sample.text_body("cut") | {"truncated": True}),
        text_body("a\0b"),
        text_body("x" * (curl.MAX_CURL_BODY_BYTES + 1)),
    ],
    ids=["binary", "cut", "NUL", "long"],
)
def test_no_curl_command_pretends_to_send_other_bytes(body: Body) -> None:
    """Where a command line cannot carry the bytes, there is none."""
    assert curl.command(made(request_body=body)) is None


def test_headers_that_curl_writes_itself_are_left_to_it() -> None:
    """Length and host would contradict what curl sends."""
    command = curl.command(made(request_headers=(("Host", "a"), ("content-length", "3"), ("X-Kept", "1"))))
    assert command is not None
    assert "X-Kept" in command
    assert "content-length" not in command.lower()


def test_bytes_are_shown_as_a_hex_dump() -> None:
    """A row has its offset, sixteen bytes, and what of them is ASCII."""
    first, second = bodies.hex_dump(b"PK\x03\x04 archive\x00\xff\xfe<>").splitlines()
    assert first == "000000  50 4b 03 04 20 61 72 63 68 69 76 65 00 ff fe 3c  PK.. archive...<"
    assert second.split() == ["000010", "3e", ">"]


def test_a_long_binary_body_shows_its_beginning_and_says_so() -> None:
    """The note tells the whole size and how much of it is shown."""
    view = bodies.view(Body.read(sample.bytes_body(b"\xff" * 600, size_bytes=1048781)), 512)
    assert view.note == "1,048,781 bytes, not UTF-8; the first 256"
    assert len(view.shown.splitlines()) == 16


@given(ANY_TEXT, st.integers(min_value=1, max_value=80))
def test_a_shown_text_body_is_bounded(text: str, max_chars: int) -> None:
    """No body takes more room than its share, even where every character is spelled out."""
    assert len(bodies.view(text_body(text), max_chars).shown) <= max_chars


def test_a_cut_body_is_said_to_be_cut() -> None:
    """Who reads the beginning of a body knows that it is only the beginning."""
    body = Body.read({"text": "beginning", "size_bytes": 5000, "truncated": True})
    assert bodies.view(body, 512).note == "5,000 bytes; only its beginning was kept"


def test_an_empty_body_is_no_body() -> None:
    """A 204 has nothing to show."""
    assert bodies.view(text_body(""), 512).kind == "none"
