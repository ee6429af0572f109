"""Servers that break what sessions promise (SE)."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

# -- SE-01


@defect("SE-01")
class CreatedIsOk(Behaviour):
    """A new session answers 200."""

    def create_session(self, request: Request, owner: str) -> Response:
        return replace(super().create_session(request, owner), status=200)


@defect("SE-01")
class CreatedIsFalse(Behaviour):
    """A new session says `created: false`."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        return {**super().created_body(session, created=created), "created": False}


@defect("SE-01")
class NoKernelId(Behaviour):
    """The reply names the session in no key of any version."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        body = super().created_body(session, created=created)
        return {"id": body["kernelId"], "created": created}


@defect("SE-01")
class NoLegacyCreate(Behaviour):
    """POST /kernel/create is not found."""

    def create_session(self, request: Request, owner: str) -> Response:
        if request.path.endswith("/create"):
            raise Problem(404, "Not found")
        return super().create_session(request, owner)


@defect("SE-01")
class CreatedIsAText(Behaviour):
    """`created` is the text "true"."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        return {**super().created_body(session, created=created), "created": str(created).lower()}


# -- SE-02, SE-03


@defect("SE-02")
class ReuseGivesANewId(Behaviour):
    """The same token gives another id for the same session."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        body = super().created_body(session, created=created)
        return body if created else {**body, **dict.fromkeys(("kernelId", "sessId", "sessionId"), str(uuid.uuid4()))}


@defect("SE-02", also=("SE-01",))
class ReuseSaysCreated(Behaviour):
    """The same token answers `created: true` again."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        return super().created_body(session, created=True)


@defect("SE-02")
class ReuseIsAConflict(Behaviour):
    """The same token and language answer 409."""

    def reuse(self, living: Session, lang: str) -> Response:
        raise Problem(409, "Session exists")


@defect("SE-02")
class ReuseStartsAfresh(Behaviour):
    """The same token empties the session."""

    def reuse(self, living: Session, lang: str) -> Response:
        response = super().reuse(living, lang)
        self.empty(living.home)
        return response


@defect("SE-03")
class OtherLanguageIsReused(Behaviour):
    """The same token with another language is answered as a reuse."""

    def reuse(self, living: Session, lang: str) -> Response:
        return super().reuse(living, living.lang)


@defect("SE-03")
class OtherLanguageReplaces(Behaviour):
    """The same token with another language replaces the session."""

    def reuse(self, living: Session, lang: str) -> Response:
        living.lang = lang
        return self.json(201, self.created_body(living, created=True))


@defect("SE-03", also=("CO-10",))
class OtherLanguageCrashes(Behaviour):
    """The same token with another language answers 500."""

    def reuse(self, living: Session, lang: str) -> Response:
        if living.lang != lang:
            raise RuntimeError("image mismatch")
        return super().reuse(living, lang)


# -- SE-04

knob("three-characters", "SE-04", "A token of 3 characters is accepted.", min_token=3)
knob("four-characters-refused", "SE-04", "A token of 4 characters is refused.", min_token=5)
knob("sixty-four-characters-refused", "SE-04", "A token of 64 characters is refused.", max_token=63)
knob("sixty-five-characters", "SE-04", "A token of 65 characters is accepted.", max_token=65)
knob("any-length", "SE-04", "A token of any length is accepted.", max_token=100_000)


@defect("SE-04")
class TokensAreNotReusable(Behaviour):
    """The token of a terminated session is refused for ever."""

    def __init__(self, **knobs: Any) -> None:  # noqa: ANN401  - every knob has its own type
        super().__init__(**knobs)
        self.used: set[tuple[str, str]] = set()

    def destroy(self, session: Session) -> None:
        self.used.add((session.owner, session.name))
        super().destroy(session)

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        if (owner, name) in self.used:
            raise Problem(409, "Token used")
        return super().open_session(name, lang, owner, environ, mounts)


@defect("SE-04")
class LongTokensAreCut(Behaviour):
    """A token of more than 32 characters is cut, so two long ones are one session."""

    def read_token(self, wanted: dict[str, Any]) -> str:
        return super().read_token(wanted)[:32]

    def find(self, owner: str, identifier: str) -> Session:
        try:
            return super().find(owner, identifier)
        except Problem:
            return super().find(owner, identifier[:32])


@defect("SE-04", also=("CO-05",))
class HyphensAreRefused(Behaviour):
    """A token with two hyphens in a row in its middle is refused."""

    def check_token(self, token: str) -> None:
        super().check_token(token)
        if "--" in token:
            raise Problem(400, "Bad token")


@defect("SE-04")
class TokensIgnoreCase(Behaviour):
    """Tokens that differ in letter case are one session."""

    def read_token(self, wanted: dict[str, Any]) -> str:
        return super().read_token(wanted).lower()

    def find(self, owner: str, identifier: str) -> Session:
        return super().find(owner, identifier.lower())


@defect("SE-04a")
class AnyCharacterIsAccepted(Behaviour):
    """A token may hold spaces, slashes and anything else."""

    def check_token(self, token: str) -> None:
        if not self.min_token <= len(token) <= self.max_token:
            super().check_token(token)


@defect("SE-04a")
class OuterHyphensAreAccepted(Behaviour):
    """A token may begin and end with hyphens."""

    def check_token(self, token: str) -> None:
        super().check_token("a" + token[1:-1] + "a" if token[:1] == "-" or token[-1:] == "-" else token)


# -- SE-05


class _OddInfo(Behaviour):
    """Facts of a session with one of them changed."""

    odd: dict[str, Any] = {}  # noqa: RUF012  - a knob
    missing = ""

    def session_info(self, session: Session) -> dict[str, Any]:
        info = {**super().session_info(session), **self.odd}
        info.pop(self.missing, None)
        return info


for _name in ("lang", "age", "memoryLimit", "numQueriesExecuted", "cpuCreditUsed"):
    knob(f"no-{_name.lower()}", "SE-05", f"The facts lack `{_name}`.", base=_OddInfo, missing=_name)
knob("memory-limit-is-text", "SE-05", "memoryLimit is a text.", base=_OddInfo, odd={"memoryLimit": "1g"})
knob("cpu-credit-is-null", "SE-05", "cpuCreditUsed is null.", base=_OddInfo, odd={"cpuCreditUsed": None})
knob("queries-are-null", "SE-05", "numQueriesExecuted is null.", base=_OddInfo, odd={"numQueriesExecuted": None})
knob("lang-is-fixed", "SE-05", "lang is another one than was asked for.", base=_OddInfo, odd={"lang": "python:3.6"})


@defect("SE-05", also=("SE-07",))
class AgeIsInSeconds(Behaviour):
    """The age is told in seconds."""

    def age_ms(self, session: Session) -> int:
        return super().age_ms(session) // 1000


@defect("SE-05")
class AgeIsAFraction(Behaviour):
    """The age is a number with a fraction."""

    def session_info(self, session: Session) -> dict[str, Any]:
        return {**super().session_info(session), "age": self.age_ms(session) + 0.5}


@defect("SE-05", also=("SE-07",))
class AgeStandsStill(Behaviour):
    """The age is always 0."""

    def age_ms(self, session: Session) -> int:
        return 0


@defect("SE-05", also=("CO-11",))
class UnknownSessionIsBadRequest(Behaviour):
    """The facts of an unknown session answer 400."""

    def show_session(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().show_session(request, owner, identifier)
        except Problem as problem:
            raise Problem(400, problem.title) from None


# -- SE-06


@defect("SE-06", also=("SE-04", "UP-12"))
class DeleteLeavesItAlive(Behaviour):
    """A DELETE is answered and nothing is terminated."""

    def destroy(self, session: Session) -> None:
        """Nothing."""


@defect("SE-06")
class DeleteTakesItsTime(Behaviour):
    """The session lives on for seconds after its DELETE was answered."""

    def destroy(self, session: Session) -> None:
        timer = threading.Timer(3.0, super().destroy, (session,))
        timer.daemon = True
        timer.start()


@defect("SE-06")
class SecondDeleteSucceeds(Behaviour):
    """Deleting an unknown session answers as if it had been there."""

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().destroy_session(request, owner, identifier)
        except Problem:
            return self.json(200, {"stats": {}})


@defect("SE-06")
class DeletedSessionIsShown(Behaviour):
    """The facts of a session are still told after its termination."""

    def __init__(self, **knobs: Any) -> None:  # noqa: ANN401  - every knob has its own type
        super().__init__(**knobs)
        self.graves: dict[tuple[str, str], Session] = {}

    def destroy(self, session: Session) -> None:
        self.graves[session.owner, session.name] = session
        super().destroy(session)

    def show_session(self, request: Request, owner: str, identifier: str) -> Response:
        grave = self.graves.get((owner, identifier))
        if grave is not None and (owner, identifier) not in self.sessions:
            return self.json(200, self.session_info(grave))
        return super().show_session(request, owner, identifier)


@defect("SE-06")
class DeleteIsAccepted(Behaviour):
    """A DELETE answers 202."""

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        return replace(super().destroy_session(request, owner, identifier), status=202)


# -- SE-07


@defect("SE-07")
class RestartLosesTheAge(Behaviour):
    """The age begins anew with a restart."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.born_s = time.monotonic()


@defect("SE-07")
class RestartLosesTheCredit(Behaviour):
    """The CPU credit begins anew with a restart."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.cpu_ms = 0


@defect("SE-07")
class RestartKillsNothing(Behaviour):
    """A restart leaves running commands alone."""

    def restart(self, session: Session) -> None:
        """Nothing."""


@defect("SE-07")
class RestartIsOk(Behaviour):
    """A restart answers 200 with a body."""

    def restart_session(self, request: Request, owner: str, identifier: str) -> Response:
        super().restart_session(request, owner, identifier)
        return self.json(200, {})


@defect("SE-07", also=("CO-11",))
class UnknownRestartSucceeds(Behaviour):
    """Restarting an unknown session answers 204."""

    def restart_session(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().restart_session(request, owner, identifier)
        except Problem:
            return Response(204)


@defect("SE-07")
class RestartEndsTheSession(Behaviour):
    """After a restart the session is unknown."""

    def restart(self, session: Session) -> None:
        self.destroy(session)


# -- SE-08


@defect("SE-08")
class LimitsAreClamped(Behaviour):
    """What is too much is granted as the most there is."""

    def check_limits(self, config: dict[str, Any]) -> None:
        """Nothing is too much."""


@defect("SE-08")
class TooMuchIsBadRequest(Behaviour):
    """Requested limits above the server's own answer 400."""

    def too_much(self) -> Problem:
        return Problem(400, "Too much")


@defect("SE-08")
class CoresAreNotLimited(Behaviour):
    """Any number of cores is granted; memory is limited."""

    def check_limits(self, config: dict[str, Any]) -> None:
        super().check_limits({**config, "instanceCores": None})


@defect("SE-08")
class MemoryIsNotLimited(Behaviour):
    """Any amount of memory is granted; cores are limited."""

    def check_limits(self, config: dict[str, Any]) -> None:
        super().check_limits({**config, "instanceMemory": None})


@defect("SE-08")
class RefusedSessionExists(Behaviour):
    """Too much is refused with 406, and the session is there all the same."""

    def create_session(self, request: Request, owner: str) -> Response:
        try:
            return super().create_session(request, owner)
        except Problem as problem:
            wanted = self.read_object(request)
            token = wanted.get("clientSessionToken")
            if problem.status == 406 and token:  # noqa: PLR2004  - SE-08
                session = self.open_session(str(token), self.read_lang(wanted), owner, {}, {})
                self.sessions[owner, session.name] = session
            raise


# -- SE-09, SE-10, SE-11


@defect("SE-09")
class EnvironIsIgnored(Behaviour):
    """config.environ is accepted and forgotten."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        super().read_environ(config)
        return {}


@defect("SE-09")
class EnvironIsForTheFirstCommand(Behaviour):
    """config.environ is seen by the first command of a session only."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        session.environ = {}
        return jail


@defect("SE-09")
class EnvironValuesAreTrimmed(Behaviour):
    """Values of config.environ end at their first space."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name: value.partition(" ")[0] for name, value in super().read_environ(config).items()}


@defect("SE-09")
class EnvironIsUpperCase(Behaviour):
    """Names in config.environ are written in capitals."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name.upper(): value for name, value in super().read_environ(config).items()}


@defect("SE-09")
class EnvironLeaks(Behaviour):
    """One session's environment is seen by the sessions after it."""

    def __init__(self, **knobs: Any) -> None:  # noqa: ANN401  - every knob has its own type
        super().__init__(**knobs)
        self.everybodys: dict[str, str] = {}

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        self.everybodys.update(super().read_environ(config))
        return dict(self.everybodys)


knob("six-mounts", "SE-10", "Six mounts are accepted.", max_mounts=6)
knob("five-mounts-refused", "SE-10", "Five mounts are refused.", max_mounts=4)


@defect("SE-10")
class UnknownMountsAreSkipped(Behaviour):
    """A mount of an unknown folder is left out without a word."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        known = [m for m in config.get("mounts") or [] if (owner, str(m).partition(":")[0]) in self.folders]
        if len(config.get("mounts") or []) > self.max_mounts:
            known = config["mounts"]
        return super().read_mounts({"mounts": known}, owner)


@defect("SE-10")
class AliasesAreIgnored(Behaviour):
    """A folder is found under its name even where an alias was given."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = [str(mount).partition(":")[0] for mount in config.get("mounts") or []]
        return super().read_mounts({"mounts": mounts}, owner)


@defect("SE-10", also=("VF-05", "UP-13"))
class MountsAreForgotten(Behaviour):
    """Folders are accepted and not mounted."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        super().read_mounts(config, owner)
        return {}


@defect("SE-11")
class InterruptIsOk(Behaviour):
    """An interrupt answers 200 with a body."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        super().interrupt(request, owner, identifier)
        return self.json(200, {})
