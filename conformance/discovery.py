"""Finding out, once and before any check, what the target is: version, dialect, image name, ways of parameters.

Nothing here judges. A target that cannot be talked to at all ends the run with a `TargetError` that says what was
asked and what came back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

from conformance.client import Client
from conformance.judge import Unmet
from conformance.multipart import Form, Part
from conformance.sessions import session_id_of
from conformance.signing import Signer
from conformance.target import Method, Style, Target, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.exchange import Exchange
    from conformance.ledger import Ledger
    from conformance.options import Dialect, Options
    from conformance.restraint import Restraint
    from conformance.transport import Transport

DEFAULT_VERSION: Final[dict[str, str]] = {"kernel": "v4.20181215", "session": "v5.20191215"}
# Deployments name their images as they like; bash is in all of them. Plain names first, then those of public releases.
KNOWN_LANGS: Final = (
    "python",
    "python:latest",
    "python3",
    "bash",
    "c",
    "c:latest",
    "lablup/python:3.6-ubuntu18.04",
    "lablup/python:3.8-ubuntu18.04",
    "cr.backend.ai/stable/python:3.9-ubuntu20.04",
    "cr.backend.ai/stable/python:3.10-ubuntu20.04",
    "cr.backend.ai/stable/python:3.11-ubuntu20.04",
    "cr.backend.ai/multiarch/python:3.10-ubuntu20.04",
)
KNOWN_C_LANGS: Final = (
    "c",
    "c:latest",
    "gcc",
    "lablup/c:gcc6.3-alpine3.8",
    "cr.backend.ai/stable/c:gcc6.3-alpine3.8",
    "cr.backend.ai/stable/gcc:6.4-alpine3.8",
)
_VERSION: Final = re.compile(r"v\d+\.\d{8}")
_FIRST_MODERN: Final = 5  # the major version from which on the resource is called /session
_NO_SUCH_PATH: Final = frozenset({404, 405, 501})
_UNAUTHORIZED: Final = 401
_NO_ACCESS: Final = frozenset({401, 403})
_PROBE_FOLDER, _PROBE_FILE = "bp-probe", "bp-probe-file.txt"


class TargetError(Exception):
    """The target is unreachable, refuses us, or is no such API: what was asked, what came back, what would help."""


@dataclass
class Discovery:
    """Asks the target about itself; `target()` is the answer."""

    options: Options
    transport: Transport
    ledger: Ledger
    restraint: Restraint

    def __post_init__(self) -> None:
        self._client = self._new_client("v4.20181215")

    def target(self) -> Target:
        """Return what was found out; raise TargetError where the suite cannot work with it."""
        try:
            version = self._version()
            target = self._seen(version) if self.options.read_only else self._created(version)
        except Unmet as unmet:  # only a 429 that outlasts all patience ends a call so
            raise TargetError(f"the target's request limit is spent: {unmet}; try again later") from unmet
        return replace(target, probes=tuple(exchange.clipped() for exchange in self._client.exchanges))

    def _version(self) -> str | None:
        replies = [self._client.get(path, signer=None) for path in ("/", "/v4")]
        if all(reply.status is None for reply in replies):
            error = str(replies[0].error)
            hint = ". --ca-bundle FILE names the authority to trust" if "CERTIFICATE_VERIFY_FAILED" in error else ""
            raise TargetError(f"nothing answers at {self.options.url}: {error}{hint}")
        named = (reply.json_object().get("version") for reply in replies)
        return next((one for one in named if isinstance(one, str) and _VERSION.fullmatch(one)), None)

    def _seen(self, version: str | None) -> Target:
        """Say what can be said without creating anything (`--read-only`)."""
        modern = version is not None and int(version[1:].partition(".")[0]) >= _FIRST_MODERN
        first: Dialect = "session" if modern else "kernel"
        other: Dialect = "kernel" if modern else "session"
        named = self.options.session
        dialects = (self.options.dialect,) if self.options.dialect else (first, other)
        bases = [self._base(dialect, self.options.lang or KNOWN_LANGS[0], version) for dialect in dialects]
        asked = [(base, self._client.get(base.path(named or "bp-nobody"))) for base in bases]
        found = next((base for base, exchange in asked if exchange.ok), None)
        last = asked[-1][1]
        if last.status in _NO_ACCESS:
            raise TargetError(self._access_advice(last))
        if named is not None and found is None:
            raise TargetError(f"the target has no session {named!r}: {last.sent} was answered with {last.got}")
        if version is None and not any(exchange.json_object() for _, exchange in asked):
            raise TargetError(self._unlike(last))
        return found or bases[0]

    def _created(self, version: str | None) -> Target:
        """Create a session in each dialect and with each name until one is taken, and look closer with that."""
        tried: list[Exchange] = []
        for target in self._candidates(version):
            if tried and _names_no_path(tried[-1]) and tried[-1].url.endswith(target.resource):
                continue  # this dialect is not spoken here
            self._client = self._new_client(target.api_version, self._client)
            taken, exchange = self._let_in(target)
            tried.append(exchange)
            if exchange.ok:
                return self._looked_closer(taken, exchange)
            if exchange.status in _NO_ACCESS:
                raise TargetError(self._access_advice(exchange))
            if exchange.broke_down and len(tried) > 1 and tried[-2].broke_down:
                break
        return self._uncreatable(version, tried)

    def _candidates(self, version: str | None) -> Iterator[Target]:
        dialects: tuple[Dialect, ...] = (self.options.dialect,) if self.options.dialect else ("kernel", "session")
        langs = (self.options.lang,) if self.options.lang else KNOWN_LANGS
        for dialect, lang in product(dialects, langs):
            target = self._base(dialect, lang, version)
            yield target
            yield replace(target, lang_key="image" if target.lang_key == "lang" else "lang")

    def _base(self, dialect: Dialect, lang: str, version: str | None) -> Target:
        modern = dialect == "session"
        spoken = version if modern and version and int(version[1:].partition(".")[0]) >= _FIRST_MODERN else None
        options = self.options
        api_version = options.api_version or spoken or DEFAULT_VERSION[dialect]
        return Target(
            url=options.url,
            dialect=dialect,
            api_version=api_version,
            lang=lang,
            lang_key="image" if modern else "lang",
            name_key="name" if modern else "clientSessionToken",
            version=version,
            signer=_signer(options.access_key, options.secret_key, api_version),
            second_signer=_signer(options.second_access_key, options.second_secret_key, api_version),
            c_lang=options.c_lang,
            exec_timeout_s=options.exec_timeout_s,
            rate_limit=options.rate_limit,
            poll_allowance_s=options.poll_allowance_s,
        )

    def _let_in(self, target: Target) -> tuple[Target, Exchange]:
        """AU-03 (open): create a session; where the signature is not taken, sign the body's own hash instead."""
        exchange = self._create(target)
        if exchange.status == _UNAUTHORIZED and target.signer:
            hashing = _signing(target, empty_later=False)
            again = self._create(hashing)
            if again.status not in _NO_ACCESS:
                return hashing, again
        return target, exchange

    def _create(self, target: Target) -> Exchange:
        self._client.signer = target.signer
        self.ledger.resource = target.resource
        token = f"bp-{self.options.run_id}-probe"
        self.ledger.expect(token)
        exchange = self._client.post(target.resource, json=target.creation(token), timeout_s=120.0)
        if exchange.ok:
            self.ledger.created(session_id_of(exchange) or token, token)
        elif exchange.refused:
            self.ledger.gone(token)
        return exchange

    def _looked_closer(self, target: Target, creation: Exchange) -> Target:
        session_id = session_id_of(creation) or f"bp-{self.options.run_id}-probe"
        try:
            return self._with_styles(target, session_id)
        finally:
            self.ledger.delete(session_id, self._client)

    def _with_styles(self, target: Target, session_id: str) -> Target:
        """CO-06: see which way of passing parameters finds a file that was just uploaded."""
        form = Form((Part(f"{_PROBE_FOLDER}/{_PROBE_FILE}", b"probe"),))
        upload = self._client.post(target.path(session_id, "/upload"), form=form)
        if upload.status == _UNAUTHORIZED:
            hashing = _signing(target, empty_multipart=False)
            upload = self._client.post(target.path(session_id, "/upload"), form=form, signer=hashing.signer)
            target = hashing if upload.ok else target
            self._client.signer = target.signer
        if not upload.ok:
            return target
        styles: tuple[Style, ...] = ("body", "query", "both")
        listing: Style = next((style for style in styles if self._lists(target, session_id, style)), "body")
        methods: tuple[Method, ...] = ("GET", "POST")
        ways = (way for way in product(methods, styles) if self._downloads(target, session_id, *way))
        method, style = next(ways, (methods[0], listing))
        return replace(target, list_style=listing, download_style=style, download_method=method)

    def _lists(self, target: Target, session_id: str, style: Style) -> bool:
        extra = parameters(style, {"path": _PROBE_FOLDER})
        exchange = self._client.get(target.path(session_id, "/files"), **extra)
        return exchange.ok and _PROBE_FILE in exchange.text

    def _downloads(self, target: Target, session_id: str, method: Method, style: Style) -> bool:
        extra = parameters(style, {"files": [f"{_PROBE_FOLDER}/{_PROBE_FILE}"]})
        exchange = self._client.call(method, target.path(session_id, "/download"), **extra)
        return exchange.ok and bool(exchange.response_body)

    def _uncreatable(self, version: str | None, tried: list[Exchange]) -> Target:
        """Explain why no session can be made; a target that breaks down, but is such an API, is judged all the same."""
        last = tried[-1]
        if version is None and all(one.status in _NO_SUCH_PATH or not one.json_object() for one in tried):
            raise TargetError(self._unlike(last))
        if last.refused:
            told = self.options.lang
            taken = (
                f"does not take the image {told!r}" if told else f"takes none of {len(KNOWN_LANGS)} usual image names"
            )
            raise TargetError(
                f"the target {taken}: {last.sent} was answered with {last.got}. "
                "Name an image that it has with --lang NAME"
            )
        return self._base(self.options.dialect or "kernel", self.options.lang or KNOWN_LANGS[0], version)

    def _unlike(self, last: Exchange) -> str:
        return (
            f"{self.options.url} does not look like a batch-mode API: GET / and GET /v4 name no version, and "
            f"{last.sent} was answered with {last.got}"
        )

    def _access_advice(self, exchange: Exchange) -> str:
        answer = f"{exchange.method} {exchange.url} was answered with {exchange.got}"
        if self.options.authenticated:
            return f"the target does not take the key pair: {answer}. Check --access-key, --secret-key, --api-version"
        return f"the target asks for authentication: {answer}. Give --access-key and --secret-key"

    def _new_client(self, api_version: str, before: Client | None = None) -> Client:
        signer = _signer(self.options.access_key, self.options.secret_key, api_version)
        timeout_s = self.options.timeout_s
        client = Client(self.transport, signer, api_version=api_version, timeout_s=timeout_s)
        client.restraint = replace(self.restraint, limit=None)  # nothing can be checked without it
        client.exchanges = before.exchanges if before else client.exchanges
        return client


def _names_no_path(exchange: Exchange) -> bool:
    """Tell an unknown path from an unknown image: deployed servers answer 404 to both."""
    speaks_of_image = any(word in exchange.text.lower() for word in ("image", "lang"))
    return exchange.status in _NO_SUCH_PATH and not speaks_of_image


def _signing(target: Target, *, empty_later: bool | None = None, empty_multipart: bool | None = None) -> Target:
    """Return the target with signers of another manner (AU-03); what is None stays."""

    def signing(signer: Signer | None) -> Signer | None:
        if signer is None:
            return None
        later = signer.empty_later if empty_later is None else empty_later
        multipart = signer.empty_multipart if empty_multipart is None else empty_multipart
        return replace(signer, empty_later=later, empty_multipart=multipart)

    return replace(target, signer=signing(target.signer), second_signer=signing(target.second_signer))


def _signer(access_key: str | None, secret_key: str | None, api_version: str) -> Signer | None:
    return Signer(access_key, secret_key, api_version) if access_key and secret_key else None
