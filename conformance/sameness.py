"""Whether two answers to the same request say the same: what changes from call to call by its nature is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from conformance.exchange import show
from conformance.recordings import content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.exchange import Exchange

_FLEETING: Final = frozenset(
    {"age", "cpuCreditUsed", "cpuUsed", "numQueriesExecuted", "mtime", "ctime", "atime", "stats", "traceback"}
)
_MAX_SHOWN: Final = 160


def answer_of(body: bytes) -> dict[str, Any]:
    """Return a body that is a JSON object; an empty dict otherwise."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def differences(then: Mapping[str, Any], now: Exchange, renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield what is answered otherwise now, one line each; `renamed` holds ids of then and what they are now."""
    if then["status"] != now.status:
        yield f"status {then['status'] or then['error']} then, {now.status or now.error} now"
        return
    then_type = next((value for name, value in then["response_headers"] if name.lower() == "content-type"), "")
    if then_type.partition(";")[0].strip().lower() != now.media_type:
        yield f"Content-Type {then_type!r} then, {now.media_type!r} now"
    before, after = answer_of(_renamed(content(then["response_body"]), renamed)), now.json_object()
    if before or after:
        old, new = _lasting(before), _lasting(after)
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield f"{key}: {show(old.get(key), _MAX_SHOWN)} then, {show(new.get(key), _MAX_SHOWN)} now"
    elif then["response_body"]["size_bytes"] != now.response_size_bytes and not now.media_type.startswith("multipart/"):
        yield f"{then['response_body']['size_bytes']:,} bytes then, {now.response_size_bytes:,} bytes now"


def _renamed(data: bytes, renamed: Mapping[str, str]) -> bytes:
    for old, new in renamed.items():
        data = data.replace(old.encode(), new.encode())
    return data


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(one) for key, one in value.items() if key not in _FLEETING}
    if isinstance(value, list):
        return [_lasting(one) for one in value]
    if isinstance(value, str) and value.startswith("[{"):  # LS-01: a listing is JSON within JSON
        try:
            return _lasting(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value
