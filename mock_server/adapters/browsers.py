"""Keeps web pages out: a page of another site must not be able to run commands on its visitor's machine.

Two gates. A Host header that names another server means that somebody's DNS was rebound to this address. An Origin
of another host, or a Sec-Fetch-Site that says so, means that a page sent the request; programs send neither.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mock_server.domain.errors import CrossSite, ForeignHost

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_browser(environ: Mapping[str, Any], allowed_hosts: frozenset[str] | None) -> None:
    """Let the request pass, or raise ForeignHost or CrossSite.

    `allowed_hosts` is None where requests are signed: a page that had a name rebound cannot sign, and signatures
    cover the Host header.
    """
    host = environ.get("HTTP_HOST", "")
    if host and allowed_hosts is not None and _name(host) not in allowed_hosts:
        raise ForeignHost(host[:100])
    origin = environ.get("HTTP_ORIGIN")
    if origin and urlsplit(origin).netloc.lower() != host.lower():
        raise CrossSite(origin[:100])
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    if site not in {"none", "same-origin"}:
        raise CrossSite(site[:100])


def _name(host: str) -> str:
    """Return the host without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
