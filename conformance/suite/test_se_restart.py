"""SE: restart (SE-07), the environment of commands (SE-09) and interrupt (SE-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.run_reader import Result
from conformance.suite.creations import ask_for_session, other_langs, settled
from conformance.suite.programs import HOME, gate, hold_text, open_gate, read_until, seen

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

BEATING: Final = f"n=0; while [ $n -lt 80 ]; do n=$((n+1)); echo $n >> {HOME}/beat; sleep 0.1; done"
ENVIRON: Final = {
    "BP_PLAIN": "value",
    "BP_EMPTY": "",
    "BP_ODD": "two  words 'single' \"double\" $HOME `id` \\n a=b;c #",
    "BP_UNICODE": "gr\u00fc\u00df \U0001f600",
    "bp_lower": "lower",
    "BP_LONG": "long " * 1000,
    **{f"BP_MANY_{number}": str(number) for number in range(24)},
}
LINES: Final = "first\n  second=2\n\nlast\n"
ENOUGH_AGE_MS: Final = 1_200
LATER_CALLS: Final = 3  # of a run that a restart hit: enough to see that it goes on without an end
LOOKS: Final = 4  # at what a process from before a restart may have written, 0.6 s apart


def number_of(info: dict[str, Any], name: str) -> int:
    """Return a number of the session's description; 0 where it is none."""
    value = info.get(name)
    return value if isinstance(value, int) else 0


def beats(session: Session) -> str:
    """Return what a beating program wrote, without a command of its own, which might have to wait for it."""
    return session.fetch("beat").decode() if "beat" in session.listing() else ""


@requirement("SE-07", needs="restart")
def test_a_restart_answers_204(session: Session, sessions: Sessions, target: Target, judge: Judge) -> None:
    """A restart is answered with 204 and leaves a session that works, by its token too; so does a second one."""
    for word in ("once", "twice"):
        judge.status("SE-07", session.try_restart(), 204)
        with judge.under_test("SE-07"):
            run = session.run(f"sleep 0.6; echo {word}", build="true")  # a restart that ends things later would end it
        judge.require("SE-07", run.stdout == f"{word}\n", expected=word, actual=run.stdout, exchange=run.exchanges)
    again = sessions.try_create(target.creation(session.token))
    same = again.json_object().get("created") is False
    if again.ok:
        judge.expect("SE-07", same, expected="its token to name it still", actual=again.got, exchange=again)


@requirement("SE-03", needs="restart")
def test_the_token_of_a_restarted_session_with_another_lang_is_refused(
    session: Session, sessions: Sessions, target: Target, judge: Judge
) -> None:
    """After a restart the token with another `lang` is refused as before."""
    restart = session.try_restart()
    if not restart.ok:
        raise judge.unmet("SE-07", expected="status 204", actual=restart.got, exchange=restart)
    for lang in other_langs(target):
        exchange = sessions.try_create(target.creation(session.token, lang))
        judge.refused("SE-03", exchange, expected=f"a refusal (4xx) of the token with {lang!r}")


@requirement("SE-07", needs="restart", slow=True)
def test_a_restart_ends_what_was_running(session: Session, judge: Judge) -> None:
    """After a restart no process of before goes on; the run that was cut ends in one of the ways left open.

    Later runs of the session work.
    """
    run = session.begin(f"echo begun; {BEATING}")
    read_until(run, lambda run: seen(run) and "beat" in session.listing())
    restart = session.try_restart()
    judge.status("SE-07", restart, 204)
    with judge.under_test("SE-07"):
        looks = [beats(session)]
        while len(looks) < LOOKS and looks[-1:] != looks[-2:-1]:  # killing may take a moment on a busy server
            session.bench.client.transport.budget.pause(0.6)
            looks.append(beats(session))
    judge.require(
        "SE-07",
        looks[-1] == looks[-2],
        expected="no process of before the restart",
        actual=f"it wrote on, at each of {LOOKS} looks: {len(looks[-1]) - len(looks[0])} bytes more",
        exchange=restart,
    )
    call = {"mode": "continue", "code": "", "runId": run.run_id}
    exchanges = [session.try_execute(call)]
    while exchanges[-1].ok and Result.of(exchanges[-1]).status == "continued" and len(exchanges) < LATER_CALLS:
        exchanges.append(session.try_execute(call))
    result = Result.of(exchanges[-1])
    if exchanges[-1].refused:
        reading = "refused"
    else:
        codes = {"finished": "finished-137" if result.exit_code == 128 + 9 else "finished"}
        reading = codes.get(str(result.status), str(result.status))
    judge.require(
        "SE-07",
        reading in {"refused", "finished", "finished-137", "exec-timeout", "continued"},
        expected="the run to be over, or unknown",
        actual=exchanges[-1].got,
        exchange=exchanges,
    )
    judge.reading("SE-07", "interrupted-run", reading, exchanges)
    with judge.under_test("SE-07"):
        after = session.run("echo after")
    hold_text(judge, "SE-07", "after\n", after.stdout, after)


@requirement("SE-07", needs="restart", slow=True)
def test_age_and_credit_go_on_over_a_restart(session: Session, judge: Judge) -> None:
    """A restart resets neither the session's age nor its CPU credit, nor does a second one."""
    session.sh("n=0; while [ $n -lt 40000 ]; do n=$((n+1)); done")
    before = session.try_info()
    for _ in range(20):  # an age that restarts at 0 has to show: it must not grow back before it is asked for
        if number_of(before.json_object(), "age") >= ENOUGH_AGE_MS:
            break
        session.bench.client.transport.budget.pause(0.1)
        before = session.try_info()
    for _ in range(2):
        judge.status("SE-07", session.try_restart(), 204)
    after = session.try_info()
    for name in ("age", "cpuCreditUsed"):
        was, is_now = number_of(before.json_object(), name), number_of(after.json_object(), name)
        judge.expect(
            "SE-07", is_now >= was, expected=f"{name} of at least {was}", actual=is_now, exchange=(before, after)
        )


@requirement("SE-07", needs="restart")
def test_files_over_a_restart(session: Session, judge: Judge) -> None:
    """Whether uploaded files survive a restart is recorded; new ones can be uploaded in any case."""
    session.upload({"before.txt": b"before\n"})
    judge.status("SE-07", session.try_restart(), 204)
    with judge.under_test("SE-07"):
        kept = "before.txt" in session.listing()
        session.upload({"after.txt": b"after\n"})
        text = session.sh(f"cat {HOME}/after.txt")
    exchange = session.bench.client.exchanges[-1]
    judge.require("SE-07", text == "after\n", expected="after", actual=text, exchange=exchange)
    judge.reading("SE-07", "uploaded-files", "kept" if kept else "gone", exchange)


@requirement("SE-07", needs="restart")
def test_a_restart_of_an_unknown_session_is_404(
    client: Client, sessions: Sessions, target: Target, judge: Judge
) -> None:
    """A restart of an id that no session has is answered with 404, and so is one of a session that has ended."""
    exchange = client.call("PATCH", target.path(sessions.new_token()), operation="restartSession")
    judge.status("SE-07", exchange, 404)
    ended = sessions.create()
    ended.delete()
    judge.status("SE-07", ended.try_restart(), 404)


@requirement("SE-07", needs="restart")
def test_a_restart_hits_no_other_session(session: Session, sessions: Sessions, judge: Judge, target: Target) -> None:
    """The run of another session goes on over a restart."""
    other = sessions.create()
    run = other.begin(f"echo begun; {gate('go', target)}; echo ended; exit 4")
    read_until(run, seen)
    restart = session.try_restart()
    judge.status("SE-07", restart, 204)
    with judge.under_test("SE-07"):
        open_gate(other, "go")
        whole = run.finish()
    got, expected = whole.stdout, "begun\nended\n"
    judge.require("SE-07", got == expected, expected=expected, actual=got, exchange=(restart, *whole.exchanges))


@requirement("SE-09")
def test_environ_is_in_the_environment_of_every_command(sessions: Sessions, judge: Judge) -> None:
    """`config.environ` is in the environment of clean, build and exec, of every run, exactly as given."""
    with judge.under_test("SE-09"):
        session = sessions.create(config={"environ": ENVIRON})
    for step in ("clean", "build", "exec", "exec"):
        run = session.run(options={step: "env"})
        found = dict(line.partition("=")[::2] for line in run.stdout.splitlines())
        if "PATH" not in found:
            raise judge.unmet("", expected="the output of `env`", actual=run.console, exchange=run.exchanges)
        for name, value in ENVIRON.items():
            got = f"{name}={found[name]}" if name in found else f"no {name}"
            judge.expect(
                "SE-09", found.get(name) == value, expected=f"{name}={value}", actual=got, exchange=run.exchanges
            )
        judge.expect(
            "SE-09", "TERM" in found, expected="more to be added", actual="TERM is gone", exchange=run.exchanges
        )


@requirement("SE-09")
def test_values_of_several_lines_are_kept(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A value of several lines is in the environment as it is, or refused with its session."""
    config = {"environ": {"BP_LINES": LINES, "BP_AFTER": "after"}}
    token = sessions.new_token()
    creation = ask_for_session(sessions, target.creation(token, config=config))
    kept = creation.ok or creation.refused
    judge.require("SE-09", kept, expected="success, or a refusal (4xx)", actual=creation.got, exchange=creation)
    if creation.refused:
        return
    run = settled(sessions, creation, token).run('printf "<%s>" "$BP_LINES" "$BP_AFTER"')
    expected = f"<{LINES}><after>"
    judge.require("SE-09", run.stdout == expected, expected=expected, actual=run.stdout, exchange=run.exchanges)


@requirement("SE-09", needs="restart")
def test_environ_stays_over_a_restart(sessions: Sessions, judge: Judge) -> None:
    """`config.environ` is in the environment of the commands after a restart, too."""
    session = sessions.create(config={"environ": {"BP_PLAIN": "value"}})
    restart = session.try_restart()
    if not restart.ok:
        raise judge.unmet("SE-07", expected="status 204", actual=restart.got, exchange=restart)
    run = session.run("echo $BP_PLAIN")
    exchanges = (restart, *run.exchanges)
    judge.require("SE-09", run.stdout == "value\n", expected="value", actual=run.stdout, exchange=exchanges)


@requirement("SE-09")
def test_environ_is_the_session_s_own(sessions: Sessions, judge: Judge) -> None:
    """Two sessions have each the environment that it was created with, whoever had its token before."""
    pair = [sessions.create(config={"environ": {"BP_WHO": who, f"BP_ONLY_{who}": "x"}}) for who in ("a", "b")]
    pair[0].delete()
    pair[0] = sessions.create(token=pair[0].token, config={"environ": {"BP_WHO": "c", "BP_ONLY_c": "x"}})
    for session, who in zip(pair, ("c", "b"), strict=True):
        run = session.run("env | grep ^BP_ | sort")
        expected = [f"BP_ONLY_{who}=x", f"BP_WHO={who}"]
        got = run.stdout.split()
        judge.expect("SE-09", got == expected, expected=expected, actual=got, exchange=run.exchanges)


@requirement("SE-09")
def test_what_environ_does_to_home(sessions: Sessions, target: Target, judge: Judge) -> None:
    """Whether `config.environ` may change HOME is recorded: it does, it does not, or the session is refused."""
    body = target.creation(sessions.new_token(), config={"environ": {"HOME": "/tmp", "BP_X": "x"}})
    creation = sessions.try_create(body)
    if creation.refused:
        judge.reading("SE-09", "reserved-names", "refused", creation)
        return
    judge.accepted("SE-09", creation, expected="success, or a refusal (4xx)")
    run = sessions.adopt(creation).run('echo "$HOME"')
    values = {"/tmp": "changed", HOME: "kept"}
    told = run.stdout.strip()
    if told not in values:
        raise judge.unmet("", expected=list(values), actual=run.stdout, exchange=run.exchanges)
    judge.reading("SE-09", "reserved-names", values[told], (creation, *run.exchanges))


@requirement("SE-11", slow=True)
def test_an_interrupt_answers_204(session: Session, sessions: Sessions, judge: Judge, target: Target) -> None:
    """An interrupt is answered with 204; a program that ignores SIGINT goes on, and so does another session's."""
    pair = (session, sessions.create())
    text = f"echo begun; {gate('go', target)}; echo ended; exit 4"
    runs = [one.begin(f"{start}{text}") for one, start in zip(pair, ("trap '' INT; ", ""), strict=True)]
    for run in runs:
        read_until(run, seen)
    judge.status("SE-11", session.try_interrupt(), 204)
    for one, run in zip(pair, runs, strict=True):
        with judge.under_test("SE-11"):
            open_gate(one, "go")
            whole = run.finish()
        got, expected = whole.stdout, "begun\nended\n"
        judge.expect("SE-11", got == expected, expected=expected, actual=got, exchange=whole.exchanges)


@requirement("SE-11", slow=True)
def test_a_session_works_on_after_an_interrupt(session: Session, judge: Judge, target: Target) -> None:
    """After an interrupt, whatever it did to the running command, the run ends and the session goes on.

    One that comes while nothing runs, answered either way, hits no later command.
    """
    session.upload({"kept.txt": b"kept\n"})
    idle = session.try_interrupt()
    with judge.under_test("SE-11"):
        calm = session.run("sleep 0.1; echo calm; exit 3")
    ended = (calm.stdout, calm.exit_code) == ("calm\n", 3)
    judge.require("SE-11", ended, expected="calm, 3", actual=calm.console, exchange=(idle, *calm.exchanges))
    run = session.begin(f"echo begun; {gate('go', target)}")
    read_until(run, seen)
    judge.status("SE-11", session.try_interrupt(), 204)
    open_gate(session, "go")
    with judge.under_test("SE-11"):
        run.finish()
        after = session.run(f"cat {HOME}/kept.txt; exit 3")
    judge.require("SE-11", after.stdout == "kept\n", expected="kept", actual=after.stdout, exchange=after.exchanges)
