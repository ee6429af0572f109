"""Query mode: snippets of a session's language, through the same runs as batch mode (EX-28)."""

from typing import Any

import pytest

from mock_server.tests.support import Client


def query(client: Client, path: str, code: str, *answers: str) -> tuple[str, str, int]:
    """Run a snippet to its end; give what it wrote to either stream, and its exit code."""
    waiting = list(answers)
    body: dict[str, Any] = {"mode": "query", "code": code, "runId": None}
    streams = {"stdout": "", "stderr": ""}
    while True:
        result = client.execute(path, body)
        for stream, text in result["console"]:
            streams[stream] += text
        if result["status"] == "finished":
            return streams["stdout"], streams["stderr"], result["exitCode"]
        assert result["status"] in {"continued", "waiting-input"}
        asked = result["status"] == "waiting-input"
        body = {
            "mode": "input" if asked else "continue",
            "runId": result["runId"],
            "code": waiting.pop(0) if asked else "",
        }


def items_of(client: Client, path: str, code: str) -> list[Any]:
    """Run a snippet to its end; give all console items."""
    body: dict[str, Any] = {"mode": "query", "code": code, "runId": None}
    items: list[Any] = []
    while True:
        result = client.execute(path, body)
        items += result["console"]
        if result["status"] == "finished":
            return items
        body = {"mode": "continue", "runId": result["runId"], "code": ""}


@pytest.fixture
def python(client: Client) -> str:
    """Give the path of a Python session."""
    return client.create("python:3.11")


def test_python_snippets_share_a_context(client: Client, python: str) -> None:
    """Values, functions, classes and imports of earlier snippets are there for later ones, changed as they were."""
    first = """
import math as m
from functools import lru_cache
numbers = [1]; same = numbers
@lru_cache
def twice(x, y=2): return x * y
class Point:
    def __init__(self, x): self.x = twice(x)
point = Point(21)
"""
    assert query(client, python, first) == ("", "", 0)
    assert query(client, python, "numbers.append(2); print(same, twice(4), m.floor(1.5), point.x)") == (
        "[1, 2] 8 1 42\n",
        "",
        0,
    )
    assert query(client, python, "def twice(x): return 'new'")[2] == 0
    assert query(client, python, "print(numbers, twice(1), Point(1).x, type(point) is Point)") == (
        "[1, 2] new new True\n",
        "",
        0,
    )


def test_a_failing_snippet_shows_its_traceback_and_keeps_the_context(client: Client, python: str) -> None:
    """What was done before the fault stays done; the traceback knows of the snippet alone."""
    _, complaint, code = query(client, python, "x = 1\nundefined")
    assert code == 1
    assert complaint.startswith('Traceback (most recent call last):\n  File "<query>", line 2')
    assert complaint.endswith("NameError: name 'undefined' is not defined\n")
    assert query(client, python, "print(x); import sys; sys.exit(3)") == ("1\n", "", 3)
    assert query(client, python, "def")[2] == 1


def test_what_cannot_be_kept_is_said(client: Client, python: str) -> None:
    """A value that cannot be written down is missed aloud, and nothing else is lost."""
    assert "'opened' cannot be kept" in query(client, python, "opened = open('/dev/null'); y = 5")[1]
    assert query(client, python, "print(y, 'opened' in globals())") == ("5 False\n", "", 0)


def test_a_restart_forgets_the_context(client: Client, python: str) -> None:
    """Volatile state is gone after a restart; files stay (SE-07)."""
    query(client, python, "z = 1; open('kept', 'w').write('kept')")
    client.send("PATCH", python)
    assert query(client, python, "print('z' in globals(), open('kept').read())") == ("False kept\n", "", 0)


def test_a_snippet_may_ask_for_input(client: Client, python: str) -> None:
    """A query waits for input as a batch run does (EX-18)."""
    stdout, _, code = query(client, python, "name = input(); print(f'hello {name}')", "Ada")
    assert (stdout, code) == ("hello Ada\n", 0)
    assert query(client, python, "print(name)")[0] == "Ada\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def _repr_html_(self): return '<b>x</b>'", ["html", "<b>x</b>"]),
        ("def _repr_svg_(self): return '<svg/>'", ["media", ["image/svg+xml", "<svg/>"]]),
        ("def _repr_png_(self): return b'png'", ["media", ["image/png", "data:image/png;base64,cG5n"]]),
        (
            "def _repr_jpeg_(self): return b'jpg', {'width': 1}",
            ["media", ["image/jpeg", "data:image/jpeg;base64,anBn"]],
        ),
        (
            "def _repr_mimebundle_(self, include=None): return {'text/plain': 'x', 'text/latex': 'y'}, {}",
            ["media", ["text/latex", "y"]],
        ),
        ("def _repr_mimebundle_(self, **options): return {'image/png': 'cG5n', 'text/html': 'z'}", ["html", "z"]),
    ],
)
def test_a_last_value_shows_itself(client: Client, python: str, body: str, expected: list[Any]) -> None:
    """What a snippet's last expression shows of itself is an item of its own, between what was printed (CN-07)."""
    code = f"class Shown:\n    {body}\nprint('before')\nimport atexit; atexit.register(print, 'after')\nShown()"
    assert items_of(client, python, code) == [["stdout", "before\n"], expected, ["stdout", "after\n"]]


def test_other_values_show_nothing(client: Client, python: str) -> None:
    """Plain values, classes, statements and failing methods show nothing; a failure is told on stderr."""
    shown = "class Shown:\n    def _repr_html_(self): return 1 / 0\n"
    assert items_of(client, python, "42") == []
    assert items_of(client, python, f"{shown}Shown") == []
    assert items_of(client, python, f"{shown}x = Shown()") == []
    ((stream, complaint),) = items_of(client, python, f"{shown}Shown()")
    assert (stream, "ZeroDivisionError" in complaint) == ("stderr", True)


def test_log_records_are_items(client: Client, python: str) -> None:
    """Records have a level of the document's, a time, a logger and a message, in their place (CN-07)."""
    code = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
print("one"); logging.getLogger("a.b").debug("d %d", 1); logging.info("i"); sys.stderr.write("two")
logging.warning("w"); logging.error("e"); logging.critical("c")
"""
    items = items_of(client, python, code)
    assert [item if item[0] != "log" else [item[1][0], *item[1][2:]] for item in items] == [
        ["stdout", "one\n"],
        ["debug", "a.b", "d 1"],
        ["info", "root", "i"],
        ["stderr", "two"],
        ["warning", "root", "w"],
        ["error", "root", "e"],
        ["fatal", "root", "c"],
    ]


def test_log_handlers_of_a_snippet_do_as_told(client: Client, python: str) -> None:
    """Where a snippet says where its records shall go they go there, and below the level nowhere."""
    code = "import logging, sys; logging.basicConfig(stream=sys.stdout, format='%(message)s'); logging.info('i')"
    assert items_of(client, python, f"{code}; logging.warning('w')") == [["stdout", "w\n"]]


def test_forged_items_harm_nobody(client: Client, python: str) -> None:
    """A snippet that learns its marker and writes nonsense behind it is told so, and gets its result."""
    code = """
import os
words = open("/proc/self/cmdline", "rb").read().split(b"\\0")
os.write(1, b"a" + words[-2] + b'["media", "nonsense"]\\nb' + words[-2] + b"never ended")
"""
    items = items_of(client, python, code)
    assert "".join(text for stream, text in items if stream == "stdout") == "ab"
    assert [text for stream, text in items if stream == "stderr" and "none" in text] != []


@pytest.mark.parametrize(
    ("lang", "code", "expected"),
    [
        ("c", '#include <stdio.h>\nint main(void) { puts("it\'s C"); return 3; }', ("it's C\n", "", 3)),
        ("cpp", "#include <iostream>\nint main() { std::cout << 7 << std::endl; }", ("7\n", "", 0)),
        ("bash", 'a=(1 2); [[ ${#a[@]} -eq 2 ]] && echo "it\'s $0"; exit 4', ("it's bash\n", "", 4)),
    ],
)
def test_other_languages_run_their_snippets(
    client: Client, lang: str, code: str, expected: tuple[str, str, int]
) -> None:
    """C, C++ and bash snippets are programs of their own, and leave no file behind."""
    path = client.create(lang)
    assert query(client, path, code) == expected
    assert client.names(path) == set()
    client.send("DELETE", path)


@pytest.mark.parametrize(("lang", "code"), [("java", "x"), ("cobol", "x"), ("python", "a\0b"), ("python", "#" * 60000)])
def test_what_cannot_be_queried_is_refused(client: Client, lang: str, code: str) -> None:
    """A language without query mode, a NUL and too long a snippet answer 400."""
    path = client.create(lang)
    assert client.send("POST", path, json={"mode": "query", "code": code, "runId": None}).status_code == 400
    client.send("DELETE", path)
