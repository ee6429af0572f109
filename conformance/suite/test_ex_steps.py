"""EX: the steps of a run, their order and what is skipped (EX-06, EX-07, EX-09, EX-27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, hold_text, noting, order_of

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session

STEPS: Final = ("clean", "build", "exec")
ODD: Final = "back\\slash $HOME $$ {} {0} ${x} %% %s !! ~ &amp; \\n #no\n"
COMMANDS: Final = (
    ("echo 'single  quoted' \"double  quoted\"", "single  quoted double  quoted\n"),
    ('a=1; b="$a$a"; echo $b ${#b}', "11 2\n"),
    ("echo one\necho two\n\necho three\n", "one\ntwo\nthree\n"),
    ("echo one \\\n  two", "one two\n"),
    ("printf 'a\rb\\n'", "a\rb\n"),
    ("echo one | sed s/one/two/ && echo three || echo four", "two\nthree\n"),
    ("for x in 1 2 3; do printf '%s,' $x; done", "1,2,3,"),
    ("cat <<END\n  here $((2 + 3))\n\tthere\nEND", "  here 5\n\tthere\n"),
    ("f() { echo \"<$1>\"; }; f 'a b'", "<a b>\n"),
    ("[ $$ -gt 0 ] && printf '%s\\n' 'back\\slash $HOME $$ {} {0} ${x} %% %s !! ~ &amp; \\n #no'  # comment", ODD),
    ("echo gr\u00fc\u00df \U0001f600", "gr\u00fc\u00df \U0001f600\n"),
    ("   echo led by spaces   ", "led by spaces\n"),
    (f"x={'v' * 20_000}; echo ${{#x}}", "20000\n"),
    ('printf \'%s,\' a\\ b \\* "c\\"d" e\\\\f', 'a b,*,c"d,e\\f,'),
    ("echo to-be-seen; exit 0; echo never", "to-be-seen\n"),
    ("(cd / && pwd); [ -t 1 ] && echo terminal || echo pipe", None),
)


@requirement("EX-06", tier="smoke")
def test_steps_run_in_order(session: Session, judge: Judge) -> None:
    """`clean`, `build` and `exec` run in that order, each once, in whatever order they are written."""
    for pause, written in (("", STEPS), ("", STEPS[::-1]), ("sleep 0.3; ", ("build", "clean", "exec"))):
        run = session.run(options={step: pause + noting(step) for step in written})
        order = order_of(session, judge, "EX-06")
        judge.expect("EX-06", order == list(STEPS), expected=list(STEPS), actual=order, exchange=run.exchanges)


@requirement("EX-06")
@pytest.mark.parametrize("step", STEPS)
def test_each_command_is_taken_as_shell_text(session: Session, judge: Judge, step: str) -> None:
    """Each step's command is shell text: quotes, variables, several lines, pipes, loops, here-documents, Unicode."""
    session.run(options={step: "echo plain"})
    for command, expected in COMMANDS if step == "exec" else COMMANDS[:7]:
        run = session.run(options={step: command})
        if expected is None:
            judge.expect("EX-06", run.stdout.startswith("/\n"), expected="/", actual=run.stdout, exchange=run.exchanges)
        else:
            hold_text(judge, "EX-06", expected, run.stdout, run)


@requirement("EX-06")
def test_long_commands_run_whole(session: Session, judge: Judge) -> None:
    """A command of 80,000 characters runs to its last character."""
    with judge.under_test("EX-06"):
        run = session.run(f"x={'v' * 80_000}; echo ${{#x}}")
    hold_text(judge, "EX-06", "80000\n", run.stdout, run)


def lay_decoys(session: Session) -> None:
    """Lay out a Makefile and a ./main that say so where a step runs by default though it should be skipped."""
    session.upload({"Makefile": b"all:\n\t@echo by-default >> order\n", "main": b"#!/bin/sh\necho by-default\n"})
    session.sh(f"chmod +x {HOME}/main {HOME}/Makefile; rm -f {HOME}/order")


@requirement("EX-07")
@pytest.mark.parametrize("skipped", STEPS)
def test_a_step_without_a_command_is_skipped(session: Session, judge: Judge, skipped: str) -> None:
    """A command that is absent, empty or null skips its step and no other."""
    lay_decoys(session)
    commands: dict[str, str | None] = {step: noting(step) for step in STEPS if step != skipped}
    for given in ({}, {skipped: ""}, {skipped: None}):
        with judge.under_test("EX-07"):
            run = session.run(options={**commands, **given})
        order = order_of(session, judge, "EX-07")
        expected = f"{list(commands)} to run, the run to finish with 0"
        kept = order == list(commands) and (run.status, run.exit_code) == ("finished", 0)
        actual = f"{order}, {run.status}, {run.exit_code}"
        judge.expect("EX-07", kept, expected=expected, actual=actual, exchange=run.exchanges)
        silent = not (run.stdout or run.stderr)
        judge.expect("EX-07", silent, expected="no output", actual=run.console, exchange=run.exchanges)


@requirement("EX-07")
def test_a_run_may_skip_every_step(session: Session, judge: Judge) -> None:
    """A run in which every step is skipped finishes with 0 and says nothing."""
    lay_decoys(session)
    for options in ({}, dict.fromkeys(STEPS), dict.fromkeys(STEPS, "")):
        with judge.under_test("EX-07"):
            run = session.run(options=options)
        got = (run.status, run.exit_code, run.stdout, run.stderr)
        wanted = ("finished", 0, "", "")
        judge.expect("EX-07", got == wanted, expected="finished, 0, no output", actual=got, exchange=run.exchanges)


@requirement("EX-07")
def test_the_code_of_a_run_whose_exec_is_skipped(session: Session, judge: Judge) -> None:
    """A run whose exec is skipped finishes with 0, or with the code of the last step that ran."""
    with judge.under_test("EX-07"):
        good = session.run(build="true")
        run = session.run(clean="exit 3")
    judge.require("EX-07", good.exit_code == 0, expected=0, actual=good.exit_code, exchange=good.exchanges)
    allowed = {0: "0", 3: "last-step", 127: None}  # 127: a clean that failed may stop the run (EX-12, open)
    judge.require(
        "EX-07",
        run.exit_code in allowed,
        expected="0, or the clean's own 3",
        actual=run.exit_code,
        exchange=run.exchanges,
    )
    if reading := allowed[run.exit_code or 0]:
        judge.reading("EX-07", "skipped-exec-code", reading, run.exchanges)


@requirement("EX-09")
def test_the_default_clean_does_nothing(session: Session, judge: Judge) -> None:
    """`clean: "*"` changes no file, runs nothing and says nothing."""
    session.upload({"Makefile": b"all:\n\ttouch made\nclean:\n\trm -f kept.o main\n\ttouch cleaned\n", "kept.o": b"o"})
    globbed = "printf '#!/bin/sh\\ntouch globbed\\n' > aaa; chmod +x aaa; cp aaa main"
    session.sh(f"cd {HOME}; {globbed}; mkdir -p build; touch build/x")
    look = f"cd {HOME} && find . | sort"
    before = session.sh(look)
    with judge.under_test("EX-09"):
        run = session.run("true", clean="*")
        after = session.sh(look)
    judge.expect("EX-09", after == before, expected=before.split(), actual=after.split(), exchange=run.exchanges)
    judge.expect("EX-09", not run.clean.console, expected="no output", actual=run.clean.console, exchange=run.exchanges)
    code = run.clean.exit_code if run.clean.reported else 0
    judge.expect("EX-09", code == 0, expected="exit code 0", actual=code, exchange=run.exchanges)


@requirement("EX-27")
def test_without_exec_only_the_build_runs(session: Session, judge: Judge) -> None:
    """With `exec` absent, empty or null the build runs, its output is returned, and the run finishes."""
    lay_decoys(session)
    for given in ({}, {"exec": ""}, {"exec": None}, {"clean": "true"}):
        for end in ("", "; exit 3"):
            with judge.under_test("EX-27"):
                run = session.run(options={"build": "echo built; sleep 0.05; echo complaint >&2" + end, **given})
            judge.expect(
                "EX-27",
                (run.status, run.stdout, run.stderr) == ("finished", "built\n", "complaint\n"),
                expected="finished, with built on stdout and complaint on stderr",
                actual=f"{run.status}, stdout {run.stdout!r}, stderr {run.stderr!r}",
                exchange=run.exchanges,
            )
