"""What the suite knows of the implementation under test, once it has asked: a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.exchange import Exchange
    from conformance.options import Dialect
    from conformance.signing import Signer

Style = Literal["body", "query", "both"]  # CO-06: where the parameters of a GET travel
Method = Literal["GET", "POST"]  # DL-07: how downloads are asked for


class Carried(TypedDict, total=False):
    """The part of a call that carries parameters."""

    json: Any
    query: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Target:
    """The target's dialect, names and manners. What was not told and could not be found out is None."""

    url: str
    dialect: Dialect
    api_version: str  # the version the suite names in its requests
    lang: str
    lang_key: Literal["lang", "image"] = "lang"
    name_key: Literal["clientSessionToken", "name"] = "clientSessionToken"
    version: str | None = None  # the version the target names
    list_style: Style = "body"
    download_style: Style = "body"
    download_method: Method = "GET"
    signer: Signer | None = None
    second_signer: Signer | None = None  # another user's keys (AU-07)
    c_lang: str | None = None
    exec_timeout_s: float | None = None
    rate_limit: int | None = None
    poll_allowance_s: float = 10.0
    probes: tuple[Exchange, ...] = ()  # how all this was found out

    @property
    def resource(self) -> str:
        """The collection's path: `/kernel` or `/session`."""
        return f"/{self.dialect}"

    def path(self, session_id: str, tail: str = "") -> str:
        """Return the path of a session, its id URI-encoded (CO-05), and what is below it: `path(id, "/files")`."""
        return f"{self.resource}/{quote(session_id, safe='')}{tail}"

    def creation(self, token: str | None, lang: str | None = None, **more: Any) -> dict[str, Any]:
        """Return the body of a create call, in the target's own names."""
        body: dict[str, Any] = {self.lang_key: lang or self.lang}
        return body | ({self.name_key: token} if token is not None else {}) | more


def parameters(style: Style, values: dict[str, str | Sequence[str]]) -> Carried:
    """Return the arguments of `Client.call` that carry the parameters of a GET in that style (lists repeat the key)."""
    pairs = [
        (name, one) for name, value in values.items() for one in ((value,) if isinstance(value, str) else tuple(value))
    ]
    plain = {name: value if isinstance(value, str) else list(value) for name, value in values.items()}
    if style == "query":
        return {"query": pairs}
    return {"json": plain} if style == "body" else {"json": plain, "query": pairs}
