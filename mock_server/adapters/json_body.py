"""Reads a JSON object from a request, strictly: what two readers could understand differently is refused (CO-10)."""

import json
import math
from typing import Any, Final, NoReturn

from mock_server.domain.errors import BodyTooLarge, MalformedBody, UnsupportedBody

MAX_JSON_BYTES: Final = 4 * 1024 * 1024  # ours: code and commands are texts, files have a call of their own
_MAX_DIGITS: Final = 400  # ours: far beyond any amount; Python itself stops at 4,300
_FORMS: Final = ("multipart/", "application/x-www-form-urlencoded")


def read_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Parse the body as one JSON object; an empty body is an empty object.

    The Content-Type is not held against it unless it names a form: clients send text/plain, application/octet-stream
    or nothing. Raises MalformedBody, UnsupportedBody.
    """
    if not body:
        return {}
    if content_type.lower().startswith(_FORMS):
        raise UnsupportedBody(content_type.partition(";")[0], "application/json")
    value = _parse(body)
    if not isinstance(value, dict):
        raise MalformedBody(f"The body is a JSON {_kind(value)}; an object is needed.")
    return value


def read_limited(stream: Any, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Read a whole body of limited length. Raises BodyTooLarge, MalformedBody, BodyTimedOut."""
    pieces: list[bytes] = []
    left_bytes = max_bytes + 1
    while left_bytes and (piece := stream.read(min(left_bytes, 65536))):
        pieces.append(piece)
        left_bytes -= len(piece)
    if not left_bytes:
        raise BodyTooLarge(max_bytes)
    return b"".join(pieces)


def _parse(body: bytes) -> object:
    try:
        value: object = json.loads(
            body.decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except UnicodeEncodeError as error:
        raise MalformedBody("The body holds half of a surrogate pair; escape whole characters.") from error
    except RecursionError as error:
        raise MalformedBody("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg} at line {error.lineno}, {error.colno}.") from error
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBody(f"The key {twice[:40]!r} comes twice in one object; send it once.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBody(f"{name} is no JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedBody(f"The number {text[:20]} is too large.")
    return number


def _bounded(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise MalformedBody("A number of the body has too many digits.")
    return int(text)


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
