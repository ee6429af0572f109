"""Everything the user can tell a run of the suite, as one frozen value."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.checks import Tier

LOCAL_JOBS: Final = 16
REMOTE_JOBS: Final = 3
POLITE_PER_SECOND: Final = 100.0  # the pace towards targets on other machines, unless told
Dialect = Literal["kernel", "session"]


class UsageError(ValueError):
    """The user asked for something that cannot be: the message says what would be right."""


@dataclass(frozen=True)
class Options:
    """What the user told. None means not told: found out where possible, else left untested, and the report says so."""

    url: str
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    second_access_key: str | None = None
    second_secret_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    dialect: Dialect | None = None
    lang: str | None = None
    c_lang: str | None = None
    exec_timeout_s: float | None = None
    rate_limit: int | None = None
    poll_allowance_s: float = 10.0  # EX-17: how long an execute call may take to answer
    restart: bool = True
    only: tuple[str, ...] = ()
    tier: Tier = "standard"
    seed: int = field(default_factory=lambda: secrets.randbelow(2**32))
    shrink: bool = False  # generated inputs that show a violation are made smaller: many more calls
    jobs: int | None = None  # checks at the same time; None: `parallel` decides
    repeats: int = 2  # how often a violation is looked at again before it counts
    timeout_s: float = 30.0
    create_timeout_s: float = 60.0
    max_requests: int = 50_000
    max_seconds: float = 3_600.0
    max_sessions: int = 5_000
    max_per_second: float | None = None
    tolerate_intermittent: bool = False
    read_only: bool = False
    session: str | None = None  # with read_only: an existing session that may be looked at
    ca_bundle: Path | None = None
    insecure: bool = False
    report_dir: Path | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(3))

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"{self.url!r} is not a URL of a server; give one such as http://127.0.0.1:8090")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise UsageError(
                "the target's URL holds a query, a fragment or a password; give scheme, host, port and path"
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise UsageError("--access-key and --secret-key go together: give both or neither")
        if min(self.parallel, self.timeout_s, self.max_requests, self.max_seconds, self.poll_allowance_s) <= 0:
            raise UsageError("--jobs, --timeout, --max-requests, --max-seconds and --poll-allowance are above zero")

        if self.session is not None and not self.read_only:
            raise UsageError("--session names a session to look at and goes with --read-only; checks make their own")
        if self.insecure and self.ca_bundle:
            raise UsageError("--insecure trusts everybody and --ca-bundle somebody: give one of the two")
        if self.ca_bundle and not self.ca_bundle.is_file():
            raise UsageError(f"--ca-bundle {self.ca_bundle}: no such file; give one of PEM certificates")

    @property
    def trust(self) -> bool | str:
        """Whether certificates are verified, or the file of the authorities that are trusted."""
        return str(self.ca_bundle) if self.ca_bundle else not self.insecure

    @property
    def authenticated(self) -> bool:
        """Whether requests are signed."""
        return bool(self.access_key and self.secret_key)

    @property
    def parallel(self) -> int:
        """How many checks run at the same time: most of them wait, but somebody else's machine is spared."""
        return self.jobs if self.jobs is not None else (LOCAL_JOBS if self.on_loopback else REMOTE_JOBS)

    @property
    def pace(self) -> float | None:
        """How many requests a second may go out; None: as many as there are."""
        return self.max_per_second or (None if self.on_loopback else POLITE_PER_SECOND)

    @property
    def on_loopback(self) -> bool:
        """Whether the target is on this machine, where a pace limit protects nobody."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def public(self) -> dict[str, Any]:
        """Return the options for the report: JSON values, without secrets."""
        told = asdict(self)
        for name in ("secret_key", "second_secret_key"):
            told[name] = "[redacted]" if told[name] else None
        for name in ("report_dir", "ca_bundle"):
            told[name] = str(told[name]) if told[name] else None
        told["only"] = list(self.only)
        return told
