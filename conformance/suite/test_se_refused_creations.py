"""SE: what a creation that was refused leaves behind: nothing (SE-01)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.suite.creations import ask_for_session, settled

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.sessions import Sessions
    from conformance.target import Target

REFUSED: Final[tuple[dict[str, Any], ...]] = (
    {"config": {"mounts": ["bp-no-such-folder"]}},
    {"config": {"instanceMemory": 10**9, "resources": {"cpu": 10**6, "mem": "1024t"}}},
    {"config": {"environ": ["A=1"]}},
    {"config": 7},
)


@requirement("SE-01")
def test_a_refused_creation_takes_no_token(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A token that came with a refused creation is as new as any: the next creation with it makes a session."""
    for wrong in REFUSED:
        token = sessions.new_token()
        refusal = sessions.try_create(target.creation(token) | wrong)
        if refusal.ok:  # SE-08, SE-10 and CO-10 ask about that
            settled(sessions, refusal, token).delete()
        if not refusal.refused:
            continue
        creation = ask_for_session(sessions, target.creation(token))
        made = creation.ok and creation.json_object().get("created") is True
        expected = f"a session for the token of a creation that was refused for {wrong}"
        judge.expect("SE-01", made, expected=expected, actual=creation.got, exchange=(refusal, creation))
        if creation.ok:
            settled(sessions, creation, token).delete()
