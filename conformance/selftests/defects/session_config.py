"""Servers that ignore what a session is configured with (SE-08 to SE-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

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

    def __init__(self, **knobs: Any) -> None:
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
