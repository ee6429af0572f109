"""Servers that create sessions wrongly (SE-01 to SE-04)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from pathlib import Path

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

    def __init__(self, **knobs: Any) -> None:
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
