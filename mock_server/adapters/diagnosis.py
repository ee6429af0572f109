"""What of this machine decides how well commands can be shut in, and what would make it better."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mock_server.adapters import input_blocks
from mock_server.adapters.ordering import PrintOrder
from mock_server.adapters.runner import NoSandboxError, Runner, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.adapters.sandbox_thread import can_block_ptrace

_SYSTEM: Final = Path("/proc/sys")
# The switch, the value that forbids user namespaces, and what to do about it.
_SWITCHES: Final = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor forbids user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or allow bwrap",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "the kernel forbids user namespaces: sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "the kernel allows no user namespaces: sysctl -w user.max_user_namespaces=10000",
    ),
)
_IN_CONTAINER: Final = (
    "in a container, start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
)
# What a level says when it does not work, and the remedy; the first that matches holds.
_REMEDIES: Final = (
    (
        r"No such file.*'bwrap'",
        "install bubblewrap (apt install bubblewrap, dnf install bubblewrap, apk add bubblewrap)",
    ),
    (r"No such file.*'(unshare|setpriv)'", "install util-linux (apk add util-linux)"),
    (
        r"(mount|fstab|t mount) proc|proc: |/newroot/proc",
        "/proc is masked: in a container, --security-opt systempaths=unconfined",
    ),
    (r"RTM_NEW|loopback", "the network cannot be shut off: in a container, --cap-add NET_ADMIN"),
    (r"json-status-fd|Unknown option", "this bwrap is too old: 0.4 or later is needed"),
    (r"ermi(ssion|tted)|namespace|unshare failed|uid map", ""),  # by the switches
)


@dataclass(frozen=True)
class Finding:
    """Whether one level works here; where not, why, and what to do about it, "" where nothing is known to help."""

    level: Level
    why_not: str = ""
    remedy: str = ""

    @property
    def works(self) -> bool:
        """Whether the server could use it."""
        return not self.why_not


@dataclass(frozen=True)
class Trait:
    """A property of the server on this machine, whatever the level."""

    name: str
    holds: bool
    remark: str = ""


def examine_levels() -> Iterator[Finding]:
    """Try each level on its own, best first."""
    for level in LEVELS:
        try:
            choose_level([level])
        except (NoSandboxError, OSError) as error:
            why_not = str(error).removeprefix(f"no sandbox works here: {level.name}: ")
            yield Finding(level, why_not, remedy(why_not))
        else:
            yield Finding(level)


def remedy(why_not: str) -> str:
    """Return what would make a level work that failed with these words."""
    for pattern, advice in _REMEDIES:
        if re.search(pattern, why_not):
            return advice or _blocked_by()
    return ""


def _blocked_by() -> str:
    for switch, forbids, advice in _SWITCHES:
        try:
            value = (_SYSTEM / switch).read_text().strip()
        except OSError:  # this kernel has no such switch
            continue
        if value == forbids:
            return advice
    return _IN_CONTAINER


def examine_traits(best: Level) -> Iterator[Trait]:
    """Find out what else holds at the level that the server would use."""
    with Runner(choose_level([best])) as runner:
        order, why_not = runner.print_order_kept
    yield Trait("exact print order of stdout and stderr (CN-08)", order is PrintOrder.EXACT, why_not)
    sees = input_blocks.known_here()
    yield Trait(
        "programs may wait for input (EX-18)",
        sees,
        "" if sees else "needs x86-64 or ARM64, and a kernel with /proc/PID/syscall",
    )
    yield Trait("ptrace is refused (EX-21)", can_block_ptrace(), "" if can_block_ptrace() else "needs x86-64 or ARM64")
    yield Trait(
        "the server itself runs without privileges",
        os.geteuid() != 0,
        "" if os.geteuid() else "it is root; commands never are, but an ordinary user is safer",
    )
