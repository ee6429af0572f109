"""Writes a request as a curl command for bash: pasted there, nothing in it is run, expanded or read from a file."""

import shlex
from typing import Final

from reports.results import Exchange
from reports.text import visible

MAX_CURL_BODY_BYTES: Final = 2048
# curl writes these itself; repeating them would contradict the body that it sends.
OWN_HEADERS: Final = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})


def command(exchange: Exchange) -> str | None:
    """Return the command, or None where one would not send the same bytes: a cut, binary, or long body, or a NUL."""
    body = exchange.request_body
    if body.truncated or body.text is None or body.size_bytes > MAX_CURL_BODY_BYTES:
        return None
    headers = [f"{name}: {value}" for name, value in exchange.request_headers if name.lower() not in OWN_HEADERS]
    if any(_unsayable(text) for text in (exchange.method, exchange.url, body.text, *headers)):
        return None
    words = ["curl --globoff --include", f"--request {quoted(exchange.method)}"]
    words += [f"--header {quoted(header)}" for header in headers]
    if body.text:
        words.append(f"--data-raw {quoted(body.text)}")  # --data-binary would read a file where the body starts with @
    return " \\\n  ".join([*words, f"--url {quoted(exchange.url)}"])


def quoted(text: str) -> str:
    r"""Quote one word for bash; characters that cannot be seen are written as escapes, as in `$'a\x0d\n'`."""
    if visible(text) == text and "\n" not in text and "\t" not in text:
        return shlex.quote(text)
    return "$'" + "".join(_escaped(char) for char in text) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return "\\" + char
    if char.isprintable():
        return char
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    # Three octal digits end by themselves; \x would swallow a digit that follows.
    return named.get(char) or "".join(f"\\{byte:03o}" for byte in char.encode())


def _unsayable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)
