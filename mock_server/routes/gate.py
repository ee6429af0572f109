"""What every request passes before its operation: is it meant for this server, whose is it, has it any left.

A request is counted for the key that signed it, or for its client's address where no key did: unsigned, or signed
wrongly. The contract says which operations ask for no signature.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

from flask import Flask, Response, g, request

from mock_server.adapters.rate_limits import RateLimiter, Standing
from mock_server.adapters.signatures import SPOOL
from mock_server.domain.errors import Refusal
from mock_server.routes.dispatch import USER

ANYBODY: Final = ""  # the one user of a server that asks for no signatures


class Identify(Protocol):
    """How the user of a request is found out; raises a Refusal where there is none."""

    def __call__(self, environ: dict[str, Any], /) -> str:
        """Return the user's access key."""


def add_gate(
    app: Flask,
    check_sender: Callable[[dict[str, Any]], None],
    identify: Identify | None,
    limiter: RateLimiter,
    public_operations: Collection[str],
) -> None:
    """Have every request pass; with no `identify` all requests are one user's."""

    def admit() -> None:
        refusal, user = None, ANYBODY
        try:
            check_sender(request.environ)
            user = _user(identify, public=request.endpoint in public_operations)
        except Refusal as raised:
            refusal = raised
        g.standing = limiter.count(f"key {user}" if user else f"address {request.remote_addr}")
        g.standing.require_within()
        if refusal is not None:
            raise refusal
        request.environ[USER] = user

    app.before_request(admit)
    app.after_request(_finish)


def _user(identify: Identify | None, *, public: bool) -> str:
    """Return whose request it is. Raises Refusal, except where no signature is asked for: there it may be wrong."""
    try:
        return identify(request.environ) if identify is not None else ANYBODY
    except Refusal:
        if not public:
            raise
        return ANYBODY


def _finish(response: Response) -> Response:
    """Tell the caller where it stands (RL-01), and let go of a body that was spooled."""
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers["X-RateLimit-Limit"] = str(standing.limit)
        response.headers["X-RateLimit-Remaining"] = str(standing.remaining)
        response.headers["X-RateLimit-Window"] = str(standing.window_s)
        if standing.retry_after_s:
            response.headers["Retry-After"] = str(standing.retry_after_s)
    if SPOOL in request.environ:
        response.call_on_close(request.environ[SPOOL].close)
    return response
