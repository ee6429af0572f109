"""Servers that run commands elsewhere, or as somebody else (EX-19 to EX-21, EX-30)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

# -- EX-19 to EX-21, EX-30: where and as whom


class OddJail(Behaviour):
    """A server that runs commands elsewhere or otherwise."""

    odd: dict[str, Any] = {}  # noqa: RUF012  - a knob
    lacks = ""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        environ = {name: value for name, value in jail.environ.items() if name != self.lacks}
        return replace(jail, **{"environ": environ, **self.odd})


knob("runs-in-tmp", "EX-19", "Commands run in /tmp.", base=OddJail, odd={"directory": "/tmp"})  # noqa: S108  - inside
knob("runs-in-home", "EX-19", "Commands run in /home.", base=OddJail, odd={"directory": "/home"})
for _name in ("TERM", "LANG", "SHELL", "USER", "HOME"):
    knob(f"no-{_name.lower()}-in-environment", "EX-20", f"{_name} is not set.", base=OddJail, lacks=_name)
knob("runs-as-root", "EX-21", "Commands run as uid 0.", base=OddJail, odd={"uid": 0})
knob("ptrace-is-allowed", "EX-21", "ptrace is not blocked.", base=OddJail, odd={"ptrace": True})
knob("plain-sh", "EX-30", "Commands are read by sh.", base=OddJail, odd={"shell": ("sh", "-c")})


@defect("EX-19")
class ExecRunsElsewhere(Behaviour):
    """exec runs in a directory of its own below home."""

    def exec_command(self, session: Session, command: str) -> str:
        return f"mkdir -p run && cd run && {{ {super().exec_command(session, command)}\n}}"


class OddEnvironment(Behaviour):
    """A server that sets a variable to something else."""

    odd: dict[str, str] = {}  # noqa: RUF012  - a knob

    def environ(self, session: Session) -> dict[str, str]:
        return {**super().environ(session), **self.odd, **session.environ}


for _name, _value in (("TERM", "dumb"), ("LANG", "C"), ("SHELL", "/bin/sh"), ("USER", "root"), ("HOME", "/root")):
    _odd = {_name: _value}
    knob(f"{_name.lower()}-is-wrong", "EX-20", f"{_name} is {_value}.", base=OddEnvironment, odd=_odd)
