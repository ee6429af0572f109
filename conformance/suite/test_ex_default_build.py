"""EX: the default build of a kernel with a C compiler (EX-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import blocks, gate, need_uncut, open_gate, read_until

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

MAIN: Final = (
    b'#include <stdio.h>\n#include "lib/answer.h"\nint main(void) { printf("answer %d\\n", answer()); return 3; }\n'
)
LIBRARY: Final = {
    "lib/answer.h": b"int answer(void);\n",
    "lib/deep/er/answer.c": b"#warning of no account\nint answer(void) { return 42; }\n",
}
NOT_FOUND: Final = 127
LINKED: Final = {
    "lm": b"#include <math.h>\n#include <stdio.h>\nint main(int c, char **v) { (void)v;"
    b' printf("%.3f\\n", sqrt(c + 1.0) + cbrt(c * 27.0)); return 0; }\n',
    "pthread": b"#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *p) { return p; }\n"
    b"int main(void) { pthread_t t; void *r = 0; int x = 0; pthread_create(&t, 0, f, &x); pthread_join(t, &r);"
    b' puts(r == &x ? "4.414" : "no"); return 0; }\n',
    "ldl": b"#include <dlfcn.h>\n#include <stdio.h>\nint main(void)"
    b' { puts(dlopen(0, RTLD_NOW) ? "4.414" : "no"); return 0; }\n',
    "lrt": b"#include <mqueue.h>\n#include <stdio.h>\nint main(void)"
    b' { puts(mq_close((mqd_t)-1) == -1 ? "4.414" : "no"); return 0; }\n',
}
REENTRANT: Final = b"#ifndef _REENTRANT\n#error no -pthread\n#endif\n"


def c_session(sessions: Sessions, target: Target) -> Session:
    """Return a session of the kernel with the C compiler."""
    return sessions.create(lang=target.c_lang)


def hold_build(judge: Judge, run: Run, stdout: str) -> None:
    """Judge what the program that the default build made wrote: its exit code is another clause's business."""
    got = f"stdout {run.program.stdout!r}, code {run.exit_code}, build's stderr {run.build.stderr!r}"
    kept = run.stdout.endswith(stdout) and run.exit_code != NOT_FOUND
    judge.require("EX-08", kept, expected=f"the program's {stdout!r}", actual=got, exchange=run.exchanges)


@requirement("EX-08", needs="c-lang")
def test_the_default_build_compiles_every_c_source(sessions: Sessions, judge: Judge, target: Target) -> None:
    """Without a Makefile every C source under the working directory is compiled into ./main."""
    session = c_session(sessions, target)
    session.upload({"program.c": MAIN, **LIBRARY, "notes.txt": b"no C source"})
    with judge.under_test("EX-08"):
        run = session.run("./main", build="*")
    hold_build(judge, run, "answer 42\n")
    for answer in (43, 44):  # within the same second as the file that they are made into, or not
        session.upload({"lib/deep/er/answer.c": b"int answer(void) { return %d; }\n" % answer})
        with judge.under_test("EX-08"):
            again = session.run("./main", build="*")
        hold_build(judge, again, f"answer {answer}\n")


@requirement("EX-08", needs="c-lang")
@pytest.mark.parametrize("library", LINKED)
def test_the_default_build_links_the_usual_libraries(
    sessions: Sessions, judge: Judge, target: Target, library: str
) -> None:
    """The default build links with -pthread, -lm, -lrt and -ldl."""
    session = c_session(sessions, target)
    session.upload({"main.c": LINKED[library]})
    with judge.under_test("EX-08"):
        run = session.run("./main", build="*")
    hold_build(judge, run, "4.414\n")


@requirement("EX-08", needs="c-lang")
def test_the_default_build_compiles_for_threads(sessions: Sessions, judge: Judge, target: Target) -> None:
    """The default build compiles with -pthread, which defines _REENTRANT."""
    session = c_session(sessions, target)
    session.upload({"main.c": REENTRANT + b"int main(void) { return 0; }\n"})
    by_hand = session.run("(gcc -pthread main.c -o probe || cc -pthread main.c -o probe) 2>/dev/null")
    if by_hand.exit_code != 0:
        raise judge.not_testable("this compiler's -pthread defines nothing that a source can see", untold=True)
    with judge.under_test("EX-08"):
        run = session.run("./main", build="*")
    hold_build(judge, run, "")


@requirement("EX-08", needs="c-lang")
def test_the_default_build_uses_a_makefile(sessions: Sessions, judge: Judge, target: Target) -> None:
    """Where there is a Makefile, the default build is its default target, and nothing else is compiled."""
    session = c_session(sessions, target)
    makefile = b"all:\n\tprintf '#!/bin/sh\\necho by make\\nexit 5\\n' > made; chmod +x made\nother:\n\tfalse\n"
    session.upload({"Makefile": makefile, "broken.c": b"no C at all\n"})
    with judge.under_test("EX-08"):
        run = session.run("./made", build="*")
    hold_build(judge, run, "by make\n")
    left = session.listing()
    judge.require("EX-08", "main" not in left, expected="no ./main", actual="./main", exchange=left.exchange)


@requirement("EX-08", needs="c-lang")
def test_a_default_build_that_fails_is_a_failed_build(sessions: Sessions, judge: Judge, target: Target) -> None:
    """A source that does not compile, or a make that fails, fails the build; its messages are returned."""
    for files in (
        {"main.c": b"int main(void) { return nothing; }\n", "main": b"#!/bin/sh\n# of an earlier build\n"},
        {"Makefile": b"all:\n\techo nothing >&2; exit 1\n"},
    ):
        session = c_session(sessions, target)
        session.upload(files)
        with judge.under_test("EX-08"):
            run = session.run("echo started", build="*")
        started = "started" in run.stdout
        judge.expect("EX-08", not started, expected="no exec", actual="the build passed", exchange=run.exchanges)
        said = "nothing" in run.stdout + run.stderr
        judge.expect("EX-08", said, expected="its messages", actual=run.console, exchange=run.exchanges)
        session.delete()


@requirement("SE-09", "EX-21", "EX-15", needs="c-lang")
def test_the_default_build_is_a_build_like_others(sessions: Sessions, judge: Judge, target: Target) -> None:
    """The default build finds `config.environ`, is not root, and the run finishes with 127 where it failed."""
    session = sessions.create(lang=target.c_lang, config={"environ": {"BP_PLAIN": "value"}})
    session.upload({"Makefile": b"all:\n\t@echo plain=$$BP_PLAIN uid=$$(id -u)\n\t@exit 3\n"})
    run = session.run("echo started", build="*")
    said = dict(word.partition("=")[::2] for word in run.stdout.split() if "=" in word)
    if not said.get("uid"):
        raise judge.unmet("EX-08", expected="what make says", actual=run.console, exchange=run.exchanges)
    plain, code = said.get("plain"), run.exit_code
    judge.expect("SE-09", plain == "value", expected="BP_PLAIN=value", actual=plain, exchange=run.exchanges)
    judge.expect("EX-21", said["uid"] != "0", expected="a uid that is not 0", actual="uid 0", exchange=run.exchanges)
    judge.expect("EX-15", code == NOT_FOUND, expected="finished with 127", actual=code, exchange=run.exchanges)


@requirement("EX-17", "CN-04", needs="c-lang", slow=True)
def test_a_long_default_build_is_polled(sessions: Sessions, judge: Judge, target: Target) -> None:
    """A default build that goes on answers `continued` with what it has written, in the order of its streams."""
    session = c_session(sessions, target)
    waits = gate("go", target).replace("$", "$$")
    said = "\t@echo out\n\t@sleep 0.6; echo err >&2\n\t@sleep 0.6; echo more\n"
    session.upload({"Makefile": f"all:\n{said}\t@{waits}\n".encode()})
    open_run = session.begin(options={"build": "*"})
    on_time = open_run.last.exchange.duration_ms <= target.poll_allowance_s * 1000
    waited = read_until(open_run, lambda run: run.last.status == "continued") and on_time
    open_gate(session, "go")
    run = open_run.finish()
    need_uncut(judge, run)
    first = open_run.results[0].exchange
    judge.require("EX-17", waited, expected="continued in time", actual=run.statuses, exchange=first)
    if (run.stdout, run.stderr) != ("out\nmore\n", "err\n"):
        raise judge.unmet("", expected="what make says", actual=run.console, exchange=run.exchanges)
    expected = [("stdout", "out\n"), ("stderr", "err\n"), ("stdout", "more\n")]
    got = blocks(run.console)
    judge.require("CN-04", got == expected, expected=expected, actual=got, exchange=run.exchanges)
