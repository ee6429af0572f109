"""EX: the files that runs leave behind (EX-24, EX-26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from conformance.checks import requirement
from conformance.suite.programs import (
    HOME,
    gate,
    need_uncut,
    open_gate,
    read_until,
    seen,
    write,
)

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

ALL_BYTES = bytes(range(256))
WORDS = ("mine", "theirs")
MANY_FILES = 25
LARGE_BYTES = 2 * 1024 * 1024 + 1  # uploads have a limit (UP-08), what programs write has none


@requirement("EX-24", tier="smoke")
def test_what_a_run_wrote_is_there_for_later_runs(session: Session, judge: Judge) -> None:
    """Files that clean, build and exec wrote, changed or removed are so for every later run."""
    session.upload({"gone.txt": b"uploaded"})
    session.run(f"echo e >> {HOME}/log", clean=f"echo c >> {HOME}/log", build=f"echo b >> {HOME}/log")
    session.run(f"mkdir -p {HOME}/a/b; printf '#!/bin/sh\\necho ran\\n' > {HOME}/a/b/.tool; chmod +x {HOME}/a/b/.tool")
    session.run(f"ln -s log {HOME}/link; mkdir {HOME}/none")
    session.run(f"touch {HOME}/gone; rm {HOME}/gone {HOME}/gone.txt; echo more >> {HOME}/log; exit 9")
    for command, expected in (
        (f"cat {HOME}/log", "c b e more"),
        (f"{HOME}/a/b/.tool", "ran"),
        (f"cd {HOME} && ls -d a gone gone.txt link log none 2>/dev/null; cat link", "a link log none c b e more"),
        (f"head -c {LARGE_BYTES} /dev/zero > {HOME}/large; echo hidden > {HOME}/.hidden", ""),
        (f"wc -c < {HOME}/large; cat {HOME}/.hidden", f"{LARGE_BYTES} hidden"),
    ):
        with judge.under_test("EX-24"):
            run = session.run(command)
        got = " ".join(run.stdout.split())
        judge.expect("EX-24", got == expected, expected=expected, actual=got, exchange=run.exchanges)


@requirement("EX-24")
def test_what_a_run_wrote_is_listed_and_downloaded(session: Session, judge: Judge) -> None:
    """Files that build and exec wrote are in listings and downloads, also after a failed build."""
    session.upload({"uploaded.bin": ALL_BYTES})
    copy = f"cp {HOME}/uploaded.bin {HOME}/"
    session.run(f"mkdir {HOME}/sub; {copy}sub/by-exec", build=f"{copy}by-build")
    session.run("true", build=f"{copy}by-failed-build; exit 1")
    names = ("by-build", "by-failed-build", "sub/by-exec")
    with judge.under_test("EX-24"):
        top, sub = session.listing(), session.listing("sub")
    listed = {*top.items, *(f"sub/{name}" for name in sub.items)}
    exchanges = (top.exchange, sub.exchange)
    judge.expect("EX-24", set(names) <= listed, expected=names, actual=sorted(listed), exchange=exchanges)
    for name in names:
        with judge.under_test("EX-24"):
            content = session.fetch(name)
        judge.expect(
            "EX-24", content == ALL_BYTES, expected=f"{name} with its 256 bytes", actual=content, exchange=exchanges
        )


@requirement("EX-24", slow=True)
def test_what_a_run_wrote_is_there_while_it_goes_on(session: Session, judge: Judge, target: Target) -> None:
    """What a run has written so far is listed and downloaded while it goes on."""
    session.upload({"changed": b"once\n"})
    run = session.begin(f"cd {HOME}; echo early > early; echo late > changed; echo written; {gate('go', target)}")
    read_until(run, seen)
    with judge.under_test("EX-24"):
        listing, content, changed = session.listing(), session.fetch("early"), session.fetch("changed")
    open_gate(session, "go")
    run.finish()
    judge.expect("EX-24", changed == b"late\n", expected="late", actual=changed, exchange=listing.exchange)
    found = "early" in listing and content == b"early\n"
    judge.require("EX-24", found, expected="early", actual=sorted(listing.items), exchange=listing.exchange)


@requirement("EX-24")
def test_files_of_two_sessions_are_kept_apart(session: Session, sessions: Sessions, judge: Judge) -> None:
    """What a run of one session writes changes no file of another, though they have the same name."""
    other = sessions.create()
    for one in (session, other):
        one.upload({"both.txt": b"equal\n"})
    for one, word in ((session, "mine"), (other, "theirs")):
        one.run(f"echo {word} > {HOME}/same; mkdir -p {HOME}/only-{word}; echo {word} >> {HOME}/both.txt")
    for one, word in ((session, "mine"), (other, "theirs")):
        with judge.under_test("EX-24"):
            run = one.run(f"cd {HOME} && cat same both.txt && ls -d both.txt only-mine only-theirs same 2>/dev/null")
        expected = [word, "equal", word, "both.txt", f"only-{word}", "same"]
        got = run.stdout.split()
        judge.expect("EX-24", got == expected, expected=expected, actual=got, exchange=run.exchanges)


@requirement("EX-24")
def test_what_runs_wrote_ends_with_the_session(sessions: Sessions, judge: Judge) -> None:
    """A new session with the token of one that has ended has none of the files that its runs wrote."""
    token = sessions.new_token()
    ended = sessions.create(token=token)
    ended.sh(f"mkdir -p {HOME}/dir; echo x > {HOME}/dir/left; echo x > {HOME}/.left")
    ended.delete()
    run = sessions.create(token=token).run(f"ls -A {HOME}")
    left = {".left", "dir"} & set(run.stdout.split())
    judge.require("EX-24", not left, expected="none of the old files", actual=sorted(left), exchange=run.exchanges)


def made_files(run: Run) -> dict[str, str]:
    """Return the URLs of the files that a run's results list, by name."""
    return dict(told_files(run))


def told_files(run: Run) -> list[tuple[str, str]]:
    """Return names and URLs of the files that a run's results list."""
    files: list[Any] = [
        one for result in run.results if isinstance(result.raw, dict) for one in result.raw.get("files") or ()
    ]
    return [(str(one.get("name")), str(one.get("url"))) for one in files if isinstance(one, dict)]


def served(client: Client, url: str, **call: Any) -> Exchange:
    """Fetch a generated file: `url` is absolute, or relative to the endpoint; the same credentials, or others."""
    parts = urlsplit(url)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=-._~") + (f"?{parts.query}" if parts.query else "")
    base = client.transport.base_path
    if parts.netloc and base and path.startswith(base):
        path = path[len(base) :]
    return client.get(path if path.startswith("/") else f"/{path}", operation="file", **call)


@requirement("EX-26")
def test_files_under_output_are_listed_and_served(session: Session, client: Client, judge: Judge) -> None:
    """`result.files` names each file that the run made under /home/work/.output, with a URL that serves it."""
    contents = {"plain.txt": b"plain\n", "all.bin": ALL_BYTES, "with space.txt": b"s", "empty": b""}
    contents["a#b?c&d.txt"] = b"odd"
    commands = "; ".join(f"{write(data)} > '{HOME}/.output/{name}'" for name, data in contents.items())
    run = session.run(f"mkdir -p {HOME}/.output; {commands}")
    files = made_files(run)
    for name, data in contents.items():
        url = next((url for made, url in files.items() if made.rpartition("/")[2] == name), None)
        listed = judge.expect("EX-26", url, expected=f"{name} in `files`", actual=files, exchange=run.exchanges)
        if not listed or url is None:
            continue
        judge.reading("EX-26", "url-form", "absolute" if urlsplit(url).netloc else "relative", run.exchanges)
        exchange = served(client, url)
        judge.expect(
            "EX-26",
            exchange.status == 200 and exchange.response_body == data,
            expected=f"200 with the {len(data)} bytes of {name}",
            actual=exchange.got,
            exchange=(*run.exchanges[-1:], exchange),
        )


@requirement("EX-26")
def test_output_files_are_those_of_their_session(
    session: Session, sessions: Sessions, client: Client, judge: Judge
) -> None:
    """Files of one name under .output in two sessions are served each as its own, time after time."""
    pair = (session, sessions.create())
    runs = [
        one.run(f"mkdir -p {HOME}/.output; echo {word} > {HOME}/.output/same")
        for one, word in zip(pair, WORDS, strict=True)
    ]
    for run, word in zip(runs, WORDS, strict=True):
        for name, url in told_files(run) * 2:
            exchange = served(client, url)
            expected = f"{name} with {word!r}"
            judge.expect(
                "EX-26",
                exchange.text == f"{word}\n",
                expected=expected,
                actual=exchange.got,
                exchange=(*run.exchanges, exchange),
            )


@requirement("EX-26")
def test_files_in_folders_under_output_are_served(session: Session, client: Client, judge: Judge) -> None:
    """Files of equal names that the steps made in three directories are all listed, each with its content."""
    base = f"{HOME}/.output"
    run = session.run(
        f"mkdir -p {base}/a/b; echo ab > {base}/a/b/x.txt",
        build=f"mkdir -p {base}/c; echo c > {base}/c/x.txt",
        clean=f"mkdir -p {base}/d; echo d > {base}/d/x.txt",
    )
    texts = {served(client, url).text for _, url in told_files(run)}
    judge.require(
        "EX-26", {"ab\n", "c\n", "d\n"} <= texts, expected="all", actual=sorted(texts), exchange=run.exchanges
    )


@requirement("EX-26")
def test_files_of_every_kind_of_run_are_listed(session: Session, client: Client, judge: Judge) -> None:
    """A run lists its files whether it ended well or not, with exec or without; each is served whole, twice."""
    large = "x" * 200_000
    for name, options in {
        "failed": {"exec": "printf failed > .output/failed; exit 3"},
        "built": {"build": "printf built > .output/built"},
        "large": {"exec": "head -c 200000 /dev/zero | tr '\\0' x > .output/large"},
    }.items():
        run = session.run(options={"clean": f"mkdir -p {HOME}/.output"} | options)
        url = next((url for made, url in told_files(run) if made.rpartition("/")[2] == name), None)
        judge.expect("EX-26", url, expected=f"{name} in `files`", actual=told_files(run), exchange=run.exchanges)
        for _ in range(2 if url else 0):
            exchange = served(client, url or "")
            kept = exchange.text == (large if name == "large" else name)
            judge.expect("EX-26", kept, expected=f"all of {name}", actual=exchange.got, exchange=exchange)


@requirement("EX-26", slow=True)
def test_files_of_a_run_of_several_calls_are_listed(session: Session, judge: Judge, target: Target) -> None:
    """A run lists what it made from its beginning to its end, in whichever call's time."""
    output = f"{HOME}/.output"
    text = f"mkdir -p {output}; echo 1 > {output}/early; {gate('go', target)}; echo 2 > {output}/late"
    open_run = session.begin(text)
    read_until(open_run, lambda run: run.last.status == "continued")
    if not open_run.last.ended:
        open_run.step()
    open_gate(session, "go")
    run = open_run.finish()
    need_uncut(judge, run)
    names = sorted(name.rpartition("/")[2] for name in made_files(run))
    judge.require("EX-26", names == ["early", "late"], expected="early, late", actual=names, exchange=run.exchanges)


@requirement("EX-26")
def test_only_the_run_s_own_files_are_listed(session: Session, client: Client, judge: Judge) -> None:
    """A run lists neither files of an earlier run nor files elsewhere; one that it makes anew is its own, as it is."""
    earlier = session.run(f"mkdir -p {HOME}/.output; cd {HOME}/.output; echo 1 > first; echo 1 > anew")
    many = f"n=0; while [ $n -lt {MANY_FILES} ]; do n=$((n+1)); echo $n > m$n; done"
    for url in made_files(earlier).values():
        served(client, url)
    again = "sleep 1.1; rm anew; echo 2 > anew"  # file systems and servers may count whole seconds
    run = session.run(f"cd {HOME}/.output; echo 2 > second; {again}; echo 3 > {HOME}/elsewhere; {many}")
    names = sorted(name.rpartition("/")[2] for name in made_files(run))
    expected = sorted(["anew", "second", *(f"m{number + 1}" for number in range(MANY_FILES))])
    judge.require("EX-26", names == expected, expected=expected, actual=names, exchange=run.exchanges)
    shown = [served(client, url) for made, url in told_files(run) if made.rpartition("/")[2] == "anew"]
    kept = all(one.text == "2\n" for one in shown)
    judge.require("EX-26", kept, expected="the file as made anew", actual=[one.got for one in shown], exchange=shown)
