"""Sending a recorded attempt again, exchange by exchange, to see what the target answers now.

Sessions are made anew under names of this run, and what the target itself chose then (ids of sessions and runs) is
replaced by what it chooses now. Signatures are made anew, except where an odd one was the point: those are not kept.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from conformance.recordings import exchange_of
from conformance.sameness import RunTrail, differences, result_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.client import Call, Client
    from conformance.exchange import Exchange
    from conformance.ledger import Ledger
    from conformance.recordings import Recording

_CHOSEN: Final = ("kernelId", "sessId", "sessionId", "runId")  # ids that the target may choose
_MADE_ANEW: Final = frozenset({"authorization", "date", "x-backendai-date", "content-length", "host", "content-type"})
_ENDED: Final = frozenset({"finished", "exec-timeout"})
_RAW: Final = frozenset({"raw", "half-closed"})
_MAX_POLLS: Final = 60
_DEFAULT_VERSION: Final = "v4.20181215"


@dataclass(frozen=True)
class Step:
    """One recorded exchange and what came of it now; `now` is None where it was not sent, and `note` says why."""

    then: Exchange
    now: Exchange | None
    differences: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Replay:
    """One replay of one recording."""

    recording: Recording
    client: Client
    ledger: Ledger
    run: str
    _renamed: dict[str, str] = field(default_factory=dict)  # ids of then -> ids of now
    _ended: set[str] = field(default_factory=set)  # runs of now that have come to their end
    _then: defaultdict[str, RunTrail] = field(default_factory=lambda: defaultdict(RunTrail))  # by the run's id now
    _now: defaultdict[str, RunTrail] = field(default_factory=lambda: defaultdict(RunTrail))

    def steps(self) -> Iterator[Step]:
        """Send one exchange after the other."""
        self._renamed[f"bp-{self.recording.run}-"] = f"bp-{self.run}-"
        for then in map(exchange_of, self.recording.exchanges):
            reason = self._unsendable(then)
            if reason:
                self._note(self._then, self._as_now(then))
                yield Step(then, None, note=reason)
                continue
            now = self._sent(then)
            self._note(self._then, self._as_now(then))
            self._note(self._now, now)
            yield Step(then, now, tuple(differences(self._as_now(then), now)))
            yield from self._polled(then, now)

    def run_differences(self) -> Iterator[str]:
        """Yield what was reported otherwise of whole runs, once all steps are done."""
        for run_id in {**self._then, **self._now}:
            for one in self._then[run_id].differences(self._now[run_id]):
                yield f"run {run_id}: {one}"

    def _unsendable(self, then: Exchange) -> str:
        if then.request_size_bytes > len(then.request_body) and then.manner not in _RAW:
            return "its body was not kept whole"
        names = {name.lower() for name, _ in then.request_headers}
        signed = "authorization" in names or (then.manner in _RAW and b"[redacted]" in then.request_body)
        if signed and then.manner != "signed":
            return "its signature was made for that moment and is not kept"
        body = self._body(then)
        if body.get("mode") in {"continue", "input"} and body.get("runId") in self._ended:
            return "the run has come to its end already"
        return ""

    def _sent(self, then: Exchange) -> Exchange:
        if then.manner in _RAW:
            return self.client.raw(self._renamed_in(then.request_body), half_close=then.manner == "half-closed")
        self._expect(then)
        now = self.client.call(then.method, self._path(then), **self._call(then))
        self._learn(then, now)
        return now

    def _path(self, then: Exchange) -> str:
        parts = urlsplit(then.url)
        path = parts.path.removeprefix(urlsplit(self.recording.url).path.rstrip("/"))
        return self._renamed_in((path + (f"?{parts.query}" if parts.query else "")).encode()).decode()

    def _call(self, then: Exchange) -> Call:
        headers = {name: value for name, value in then.request_headers if name.lower() not in _MADE_ANEW}
        types = [value for name, value in then.request_headers if name.lower() == "content-type"]
        body = self._renamed_in(then.request_body) if types and "json" in types[0] else then.request_body
        call: Call = {"body": body, "content_type": types[0] if types else None, "headers": headers}
        if then.manner != "signed":
            call["signer"] = None
        return call

    def _expect(self, then: Exchange) -> None:
        """Note what the call may create, before it goes out."""
        body = self._body(then)
        resource = "/folders" if self._path(then).startswith("/folders") else None
        for key in ("clientSessionToken", "name"):
            if then.method == "POST" and str(body.get(key)).startswith(f"bp-{self.run}-"):
                self.ledger.expect(body[key], resource)

    def _learn(self, then: Exchange, now: Exchange) -> None:
        """Remember what the target calls things now."""
        for old, new in ((then.json_object(), now.json_object()), (result_of(then), result_of(now))):
            for key in _CHOSEN:
                if isinstance(old.get(key), str) and isinstance(new.get(key), str):
                    self._learn_id(key, old[key], new[key])
        if result_of(now).get("status") in _ENDED:
            self._ended.add(str(result_of(now).get("runId")))

    def _learn_id(self, key: str, old: str, new: str) -> None:
        if key != "runId":
            self.ledger.created(new)
        if old != new and len(old) > 3:  # noqa: PLR2004  - a shorter one stands within other words, too
            self._renamed.setdefault(old, new)

    def _polled(self, then: Exchange, now: Exchange) -> Iterator[Step]:
        """Poll on where the run takes longer now than then, so that what comes after finds it ended."""
        if result_of(then).get("status") not in _ENDED:
            return
        polls = 0
        while polls < _MAX_POLLS and result_of(now).get("status") not in {None, "waiting-input", *_ENDED}:
            polls += 1
            body: dict[str, Any] = {"mode": "continue", "code": "", "runId": result_of(now).get("runId"), "options": {}}
            now = self.client.post(self._path(then), json=body)
            self._note(self._now, now)
        if polls:
            yield Step(then, now, note=f"polled on {polls} times: it took fewer calls then")

    @staticmethod
    def _note(trails: defaultdict[str, RunTrail], exchange: Exchange) -> None:
        if result := result_of(exchange):
            trails[str(result.get("runId"))].note(result)

    def _body(self, then: Exchange) -> dict[str, Any]:
        try:
            value = json.loads(self._renamed_in(then.request_body))
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def _as_now(self, then: Exchange) -> Exchange:
        """Return an exchange of then with the ids of now in its answer."""
        return replace(then, response_body=self._renamed_in(then.response_body))

    def _renamed_in(self, data: bytes) -> bytes:
        for old, new in self._renamed.items():
            data = data.replace(old.encode(), new.encode())
        return data


def spoken_in(recording: Recording) -> str:
    """Return the API version that the recorded requests name."""
    headers = (header for one in recording.exchanges for header in one["request_headers"])
    return next((value for name, value in headers if name.lower() == "x-backendai-version"), _DEFAULT_VERSION)


def resource_of(recording: Recording) -> str:
    """Return the resource (`/kernel`, `/session`) that most of a recording is about."""
    base = urlsplit(recording.url).path.rstrip("/")
    paths = [urlsplit(one["url"]).path.removeprefix(base) for one in recording.exchanges]
    return "/session" if sum(path.startswith("/session") for path in paths) * 2 > len(paths) else "/kernel"
