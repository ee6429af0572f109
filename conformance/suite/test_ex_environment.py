"""EX: what commands find around them (EX-19 to EX-21, EX-30)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, told, whether

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session

STEPS: Final = ("clean", "build", "exec")
ENVIRON: Final = {"TERM": "xterm", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "USER": "work", "HOME": HOME}
PTRACE: Final = """
if command -v python3 >/dev/null; then
  python3 -c 'import ctypes; print("it-is-so" if ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0 else "it-is-not")'
elif command -v perl >/dev/null; then
  case $(uname -m) in x86_64) n=101;; aarch64|riscv64) n=117;; i?86|arm*|ppc*|s390*) n=26;; *) n=;; esac
  [ -z "$n" ] || perl -e 'print syscall(shift() + 0, 0, 0, 0, 0) == 0 ? "it-is-so\\n" : "it-is-not\\n"' $n
elif command -v strace >/dev/null; then
  if strace -o /dev/null true 2>/dev/null; then echo it-is-so; else echo it-is-not; fi
fi
"""


def hold_environ(judge: Judge, run: Run, *before: Exchange) -> None:
    """Judge the output of `env`: another variable's value may have several lines that look like variables."""
    lines = run.stdout.splitlines()
    if not any("=" in line for line in lines):
        raise judge.unmet("", expected="the output of `env`", actual=run.console, exchange=run.exchanges)
    for name, value in ENVIRON.items():
        found = [line for line in lines if line.startswith(f"{name}=")]
        judge.expect(
            "EX-20",
            f"{name}={value}" in found,
            expected=f"{name}={value}",
            actual=", ".join(found) or f"no {name}",
            exchange=(*before, *run.exchanges),
        )


@requirement("EX-19", tier="smoke")
@pytest.mark.parametrize("step", STEPS)
def test_commands_run_in_the_home_directory(session: Session, judge: Judge, step: str) -> None:
    """Every step starts in /home/work, also after a step that went elsewhere."""
    for _ in range(2):
        run = session.run(options={step: "pwd; cd /"})
        judge.expect("EX-19", run.stdout == f"{HOME}\n", expected=HOME, actual=run.stdout, exchange=run.exchanges)


@requirement("EX-19")
def test_relative_names_are_below_the_home_directory(session: Session, judge: Judge) -> None:
    """A file that a command names relatively is one under /home/work, in each step."""
    session.run("echo e > by-exec", clean="echo c > by-clean; cd /tmp", build="echo b > by-build; cd /tmp")
    for step in STEPS:
        there, run = whether(session, judge, f"[ -s {HOME}/by-{step} ]")
        judge.expect("EX-19", there, expected=f"{HOME}/by-{step}", actual="no such file", exchange=run.exchanges)


@requirement("EX-20", tier="smoke")
@pytest.mark.parametrize("step", STEPS)
def test_commands_find_the_promised_environment(session: Session, judge: Judge, step: str) -> None:
    """TERM, LANG, SHELL, USER and HOME have the promised values in the environment of every step."""
    for _ in range(2):
        run = session.run(options={step: "env"})
        hold_environ(judge, run)


@requirement("EX-20")
def test_what_a_run_exports_stays_its_own(session: Session, judge: Judge) -> None:
    """A later run has the promised environment again, whatever an earlier one exported."""
    session.run("export HOME=/tmp USER=nobody TERM=dumb; true", build="export LANG=C; true")
    for _ in range(3):
        hold_environ(judge, session.run("env"))


@requirement("EX-19", "EX-20", needs="restart")
def test_a_restart_leaves_place_and_environment(session: Session, judge: Judge) -> None:
    """After a restart commands run in /home/work and find the promised environment as before."""
    restart = session.try_restart()
    if not restart.ok:
        raise judge.unmet("SE-07", expected="status 204", actual=restart.got, exchange=restart)
    run = session.run("env; echo; echo at=$(pwd)")
    hold_environ(judge, run, restart)
    at = run.stdout.rpartition("at=")[2].rstrip("\n")
    judge.expect("EX-19", at == HOME, expected=HOME, actual=at, exchange=(restart, *run.exchanges))


@requirement("EX-21", tier="smoke")
@pytest.mark.parametrize("step", STEPS)
def test_commands_are_not_root(session: Session, judge: Judge, step: str) -> None:
    """The effective uid of every step is not 0."""
    run = session.run(options={step: 'if [ "$(id -u)" = 0 ]; then echo it-is-so; else echo it-is-not; fi'})
    judge.require("EX-21", not told(judge, run), expected="a uid that is not 0", actual="uid 0", exchange=run.exchanges)


@requirement("EX-21")
def test_sudo_does_not_work(session: Session, judge: Judge) -> None:
    """Neither sudo nor su makes a command root."""
    for way in ("sudo -n id -u", "su -c 'id -u'", "su root -c 'id -u'"):
        rooted, run = whether(session, judge, f'[ "$({way} 2>/dev/null </dev/null)" = 0 ]')
        judge.expect("EX-21", not rooted, expected=f"`{way}` to fail", actual="uid 0", exchange=run.exchanges)


@requirement("EX-21")
def test_ptrace_is_blocked(session: Session, judge: Judge) -> None:
    """A call of ptrace fails, in the build as in the exec step."""
    run = session.run(PTRACE, build=PTRACE)
    answers = run.stdout.split()
    if not answers:
        raise judge.not_testable(
            "this kernel has no tool that calls ptrace (Python, Perl, strace): name one with --lang", untold=True
        )
    if not set(answers) <= {"it-is-so", "it-is-not"}:
        raise judge.unmet("", expected="it-is-so or it-is-not", actual=run.stdout, exchange=run.exchanges)
    blocked = "it-is-so" not in answers
    judge.require("EX-21", blocked, expected="ptrace to fail", actual="it works", exchange=run.exchanges)


@requirement("EX-30", tier="smoke")
@pytest.mark.parametrize("step", STEPS)
def test_commands_are_interpreted_by_bash(session: Session, judge: Judge, step: str) -> None:
    """Bash's own syntax works in every step: `[[ ]]`, arrays, process substitution and more."""
    session.run(options={step: "echo plain"})
    for command, expected in (
        ('[[ abc == a* && abc =~ ^a.c$ ]] && echo "${BASH_REMATCH[0]}"', "abc"),
        ('a=(x "y z" w); echo ${#a[@]} "${a[1]}"', "3 y z"),
        ("cat <(echo sub) - <<< word", "sub word"),
        ("declare -A m=([k]=v); echo ${m[k]}", "v"),
        ("echo {1..3} ${BASH_VERSION:+bash}", "1 2 3 bash"),
        ("s=abc; echo ${s^^} ${s:1:1} ${s/b/x}", "ABC b axc"),
        ("printf '%q' $'tab\\t'", "$'tab\\t'"),
        ("for ((i = 0; i < 2; i++)); do echo $((i ** 2)) > bp-i; cat bp-i; done", "0 1"),
        ("set -o pipefail; f() { local x=1; echo $x; }; f", "1"),
        ("false; echo on", "on"),
        ("[ -e bp-none ]; (exit 3); ! true; echo $?-on", "1-on"),
        ("echo [$bp_unset] bp-no-*-such", "[] bp-no-*-such"),
    ):
        run = session.run(options={step: command})
        got = " ".join(run.stdout.split())
        actual = f"stdout {run.stdout!r}, stderr {run.stderr!r}"
        judge.expect(
            "EX-30", got == expected, expected=f"{command} to write {expected}", actual=actual, exchange=run.exchanges
        )
