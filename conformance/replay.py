"""Sending a recorded attempt again, exchange by exchange, to see what the target answers now.

Sessions are made anew under names of this run, and what the target itself chose then (ids of sessions and runs) is
replaced by what it chooses now. Signatures are made anew, except where an odd one was the point: those are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from conformance.judge import HarnessError
from conformance.recordings import content
from conformance.sameness import answer_of, differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.client import Call, Client
    from conformance.exchange import Exchange
    from conformance.ledger import Ledger
    from conformance.recordings import Recording

_CHOSEN: Final = ("kernelId", "sessId", "sessionId", "runId")  # ids that the target may choose
_MADE_ANEW: Final = frozenset({"authorization", "date", "x-backendai-date", "content-length", "host", "content-type"})
_ENDED: Final = frozenset({"finished", "exec-timeout"})
_MAX_POLLS: Final = 60
_DEFAULT_VERSION: Final = "v4.20181215"


@dataclass(frozen=True)
class Step:
    """One recorded exchange and what came of it now; `now` is None where it was not sent, and `note` says why."""

    then: Mapping[str, Any]
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
    _answer: Exchange | None = None  # the newest one to an execute call

    def steps(self) -> Iterator[Step]:
        """Send one exchange after the other."""
        self._renamed[f"bp-{self.recording.run}-"] = f"bp-{self.run}-"
        for then in self.recording.exchanges:
            if reason := self._unsendable(then):
                yield Step(then, None, note=reason)
                continue
            now = self._sent(then)
            yield Step(then, now, tuple(differences(then, now, self._renamed)))
            yield from self._polled(then, now)

    def _unsendable(self, then: Mapping[str, Any]) -> str:
        if then["request_body"]["truncated"]:
            return "its body was not kept whole"
        names = {name.lower() for name, _ in then["request_headers"]}
        raw = then["manner"] in {"raw", "half-closed"}
        signed = "authorization" in names or (raw and b"[redacted]" in content(then["request_body"]))
        if signed and then["manner"] != "signed":
            return "its signature was made for that moment and is not kept"
        body = self._json(then)
        if body.get("mode") in {"continue", "input"} and body.get("runId") in self._ended:
            return "the run has come to its end already"
        return ""

    def _sent(self, then: Mapping[str, Any]) -> Exchange:
        if then["manner"] in {"raw", "half-closed"}:
            payload = self._renamed_in(content(then["request_body"]))
            return self.client.raw(payload, half_close=then["manner"] == "half-closed")
        self._expect(then)
        path = self._path(then)
        now = self.client.call(then["method"], path, **self._call(then))
        self._learn(then, now)
        return now

    def _path(self, then: Mapping[str, Any]) -> str:
        parts = urlsplit(then["url"])
        path = parts.path.removeprefix(urlsplit(self.recording.url).path.rstrip("/"))
        return self._renamed_in((path + (f"?{parts.query}" if parts.query else "")).encode()).decode()

    def _call(self, then: Mapping[str, Any]) -> Call:
        headers = {name: value for name, value in then["request_headers"] if name.lower() not in _MADE_ANEW}
        types = [value for name, value in then["request_headers"] if name.lower() == "content-type"]
        body = content(then["request_body"])
        body = self._renamed_in(body) if types and "json" in types[0] else body
        call: Call = {"body": body, "content_type": types[0] if types else None, "headers": headers, "patient": True}
        if then["manner"] != "signed":
            call["signer"] = None
        return call

    def _expect(self, then: Mapping[str, Any]) -> None:
        """Note what the call may create, before it goes out."""
        body = self._json(then)
        if then["method"] != "POST":
            return
        for key in ("clientSessionToken", "name"):
            resource = "/folders" if self._path(then).startswith("/folders") else None
            if isinstance(body.get(key), str) and body[key].startswith(f"bp-{self.run}-"):
                self.ledger.expect(body[key], resource)

    def _learn(self, then: Mapping[str, Any], now: Exchange) -> None:
        """Remember what the target calls things now."""
        before, after = answer_of(content(then["response_body"])), now.json_object()
        for old, new in ((before, after), (before.get("result"), after.get("result"))):
            if isinstance(old, dict) and isinstance(new, dict):
                self._learn_ids(old, new)
        result = after.get("result")
        if isinstance(result, dict) and result.get("status") in _ENDED:
            self._ended.add(str(result.get("runId")))

    def _learn_ids(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        for key in _CHOSEN:
            if not isinstance(old.get(key), str) or not isinstance(new.get(key), str):
                continue
            if key != "runId":
                self.ledger.created(new[key])
            if old[key] != new[key] and len(old[key]) > 3:  # noqa: PLR2004  - a shorter one is in other words, too
                self._renamed.setdefault(old[key], new[key])

    def _polled(self, then: Mapping[str, Any], now: Exchange) -> Iterator[Step]:
        """Poll on where the run takes longer now than then, so that what comes after finds it ended."""
        if _status(answer_of(content(then["response_body"]))) not in _ENDED:
            return
        for _ in range(_MAX_POLLS):
            if _status(now.json_object()) in {None, "waiting-input", *_ENDED}:
                return
            run_id = now.json_object()["result"].get("runId")
            body = {"mode": "continue", "code": "", "runId": run_id, "options": {}}
            now = self.client.post(self._path(then), json=body)
            yield Step(then, now, note="polled on: it took fewer polls then")

    def _json(self, then: Mapping[str, Any]) -> dict[str, Any]:
        return answer_of(self._renamed_in(content(then["request_body"])))

    def _renamed_in(self, data: bytes) -> bytes:
        for old, new in self._renamed.items():
            data = data.replace(old.encode(), new.encode())
        return data


def _status(body: Mapping[str, Any]) -> str | None:
    result = body.get("result")
    return result.get("status") if isinstance(result, dict) else None


def spoken_in(recording: Recording) -> str:
    """Return the API version that the recorded requests name."""
    headers = (header for one in recording.exchanges for header in one["request_headers"])
    return next((value for name, value in headers if name.lower() == "x-backendai-version"), _DEFAULT_VERSION)


def origin_of(recording: Recording) -> str:
    """Return the resource (`/kernel`, `/session`) that most of a recording is about."""
    base = urlsplit(recording.url).path.rstrip("/")
    paths = [urlsplit(one["url"]).path.removeprefix(base) for one in recording.exchanges]
    if not paths:
        raise HarnessError(f"the recording of {recording.check} is empty")
    return "/session" if sum(path.startswith("/session") for path in paths) * 2 > len(paths) else "/kernel"
