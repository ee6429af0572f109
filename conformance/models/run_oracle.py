"""What a run of generated programs must come to, whatever open reading a server takes, and where it did not."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from conformance.judge import Finding
from conformance.models.programs import ENDS, REPLACED, SUCCESS, End, Program, World, programs
from conformance.rules import of_result, of_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

    from conformance.models.programs import Stream
    from conformance.run_reader import Run

BUILD_FAILED: Final = 127  # EX-15
_BEYOND: Final = re.compile(r"[^\x00-\x7f]")
_ESCAPED: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})")
Printed = list[tuple["Stream", str]]


@dataclass(frozen=True)
class Plan:
    """A run to be made: its programs, None where a step is skipped; `silent` is how a skipped step is said."""

    clean: Program | None
    build: Program | None
    exec: Program | None
    silent: str | None = None  # null, or the empty text (EX-07)
    named: bool = True  # whether the client names the run

    @property
    def options(self) -> dict[str, str | None]:
        """The commands as they are sent."""
        steps = {"clean": self.clean, "build": self.build, "exec": self.exec}
        return {name: one.text if one else self.silent for name, one in steps.items()}


@dataclass(frozen=True)
class Outcome:
    """What a run must come to."""

    before: Printed  # up to and including build-finished
    after: Printed
    clean_codes: tuple[int, ...]
    build_codes: tuple[int, ...]
    final_codes: tuple[int, ...]
    build_failed: bool
    unrun: Printed  # what the program would have printed, had it run after a failed build (EX-15)


def plans(*, files: bool = True) -> SearchStrategy[Plan]:
    """Return runs of any steps. A clean that fails is left out, for what it stops is open (EX-12)."""
    mostly: SearchStrategy[End] = st.one_of(SUCCESS, SUCCESS, ENDS)
    return st.builds(
        Plan,
        st.one_of(st.none(), st.none(), programs(SUCCESS, files=files)),
        st.one_of(st.none(), programs(mostly, files=files), programs(mostly, files=files)),
        st.one_of(st.none(), programs(files=files), programs(files=files), programs(files=files)),
        st.sampled_from((None, "")),
        st.booleans(),
    ).filter(lambda plan: plan.build or plan.exec)


class Between(StrEnum):
    """What may happen to a session between two of its runs."""

    RESTART = "restart"
    LISTING = "listing"
    DOWNLOAD = "download"


def histories() -> SearchStrategy[list[Plan | Between]]:
    """Return what happens to a session: some runs, one after the other, and other calls between them."""
    more: SearchStrategy[Plan | Between] = st.one_of(plans(), plans(), plans(), st.sampled_from(Between))
    return st.builds(lambda first, rest: [first, *rest], plans(), st.lists(more, min_size=4, max_size=7))


def outcome(plan: Plan, world: World) -> Outcome:
    """Let a plan happen to the world; return what its run must come to."""
    before = list(plan.clean.happen(world)) if plan.clean else []
    before += plan.build.happen(world) if plan.build else []
    build_codes = plan.build.end.codes if plan.build else (0,)
    failed = build_codes != (0,)
    if failed:
        final = (BUILD_FAILED,) if plan.exec else (BUILD_FAILED, *build_codes)
    else:
        final = plan.exec.end.codes if plan.exec else (0,)
    after = list(plan.exec.happen(World(dict(world.files)) if failed else world)) if plan.exec else []
    return Outcome(before, [] if failed else after, (0,), build_codes, final, failed, after if failed else [])


def judged(plan: Plan, due: Outcome, run: Run, max_stream_chars: int, own_output: str = "CN-06") -> Iterator[Finding]:
    """Yield what is broken in a run; `own_output` is the clause that lost or foreign output breaks."""
    for result in run.results:
        yield from of_result(result, max_stream_chars)
    yield from of_run(run)
    yield from _output(due, run, own_output)
    yield from _codes(plan, due, run)


def _output(due: Outcome, run: Run, own_output: str) -> Iterator[Finding]:
    boundary = next((at + 1 for at, one in enumerate(run.statuses) if one == "build-finished"), None)
    streams: tuple[Stream, ...] = ("stdout", "stderr")
    for stream in streams:
        early, late = _pattern(due.before, stream), _pattern(due.after, stream)
        got = "".join(text for kind, text in run.console if kind == stream and isinstance(text, str))
        if not re.fullmatch(early + late, got):
            ran = _pattern(due.unrun, stream) and re.fullmatch(early + _pattern(due.unrun, stream), got)
            clause = "EX-15" if ran else _blamed(early + late, got, own_output)
            yield Finding(clause, f"{stream} {_words(early + late)}", repr(_clip(got)), run.exchanges)
        elif boundary is not None:
            told = "".join(_texts(run, stream, 0, boundary))
            if not re.fullmatch(early, told):
                expected = f"{stream} up to build-finished {_words(early)}"
                yield Finding("EX-10", expected, repr(_clip(told)), run.exchanges)


def _codes(plan: Plan, due: Outcome, run: Run) -> Iterator[Finding]:
    steps = (("clean-finished", due.clean_codes), ("build-finished", due.build_codes))
    for status, codes in steps:
        for result in run.results:
            if result.status == status and result.exit_code not in codes:
                yield _code("EX-14", status, codes, result.exit_code, run)
    if run.status == "finished" and run.exit_code not in due.final_codes:
        clause = "EX-15" if due.build_failed else ("EX-14" if plan.exec else "EX-07")
        yield _code(clause, "finished", due.final_codes, run.exit_code, run)


def _code(clause: str, status: str, codes: tuple[int, ...], got: int | None, run: Run) -> Finding:
    return Finding(clause, f"{status} with exit code {' or '.join(map(str, codes))}", f"{got}", run.exchanges)


def _texts(run: Run, stream: str, start: int, end: int) -> Iterator[str]:
    for result in run.results[start:end]:
        yield from (text for kind, text in result.console if kind == stream and isinstance(text, str))


def _pattern(printed: Printed, stream: str) -> str:
    return "".join(pattern for kind, pattern in printed if kind == stream)


def _blamed(pattern: str, got: str, otherwise: str) -> str:
    """Return CN-02 where the text came, but characters beyond ASCII, bytes that are not UTF-8 or escapes differ."""
    loose = _BEYOND.sub(r"\\??", pattern.replace(REPLACED, "[^>]*"))
    plain = (_BEYOND.sub("", _ESCAPED.sub("", one)) for one in (got, html.unescape(got)))
    return "CN-02" if any(re.fullmatch(loose, one) for one in plain) else otherwise


def _words(pattern: str) -> str:
    plain = re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL)
    return f"as printed: {_clip(plain)!r}"


def _clip(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:100]}...{text[-50:]}"  # noqa: PLR2004  - two ends that fit a line
