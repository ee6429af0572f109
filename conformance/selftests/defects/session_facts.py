"""Servers that show, end or restart sessions wrongly (SE-05 to SE-07)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

# -- SE-05


class OddInfo(Behaviour):
    """Facts of a session with one of them changed."""

    odd: dict[str, Any] = {}  # noqa: RUF012  - a knob
    missing = ""

    def session_info(self, session: Session) -> dict[str, Any]:
        info = {**super().session_info(session), **self.odd}
        info.pop(self.missing, None)
        return info


for _name in ("lang", "age", "memoryLimit", "numQueriesExecuted", "cpuCreditUsed"):
    knob(f"no-{_name.lower()}", "SE-05", f"The facts lack `{_name}`.", base=OddInfo, missing=_name)
knob("memory-limit-is-text", "SE-05", "memoryLimit is a text.", base=OddInfo, odd={"memoryLimit": "1g"})
knob("cpu-credit-is-null", "SE-05", "cpuCreditUsed is null.", base=OddInfo, odd={"cpuCreditUsed": None})
knob("queries-are-null", "SE-05", "numQueriesExecuted is null.", base=OddInfo, odd={"numQueriesExecuted": None})
knob("lang-is-fixed", "SE-05", "lang is another one than was asked for.", base=OddInfo, odd={"lang": "python:3.6"})


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

    def __init__(self, **knobs: Any) -> None:
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
