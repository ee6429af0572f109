"""Sessions of the target as checks use them.

`try_...` calls return whatever came back. The other calls are prerequisites: what they ask for is promised by some
clause, and where it fails they raise `Unmet`, which names that clause.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conformance.archives import Archive, NotTarError, open_archive
from conformance.exchange import Exchange, show
from conformance.judge import Finding, Unmet
from conformance.multipart import Form, NotMultipartError, Part, parts_of, split_response
from conformance.open_run import OpenRun
from conformance.rules import listed_items
from conformance.target import Target, parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conformance.client import Client
    from conformance.contract import Limits
    from conformance.ledger import Ledger
    from conformance.observers import Observers
    from conformance.room import Room
    from conformance.run_reader import Run

    Files = Mapping[str, bytes] | Sequence[tuple[str, bytes]] | Sequence[Part]

AUTO: Final = "<auto>"  # let the harness choose a run id
RUN_DEADLINE_S: Final = 45.0
_TOO_MANY: Final = 429


@dataclass(frozen=True)
class Workbench:
    """What a session needs of the attempt it belongs to."""

    client: Client
    target: Target
    limits: Limits
    ledger: Ledger
    observers: Observers
    room: Room


@dataclass(frozen=True)
class Listing:
    """One folder of a session: its items by name, as the target described them."""

    folder_path: str | None
    items: Mapping[str, Mapping[str, Any]]
    errors: str | None
    exchange: Exchange

    def __contains__(self, name: object) -> bool:
        return name in self.items


@dataclass
class Session:
    """A live session; deleted at the end of the attempt, whatever happens."""

    id: str
    token: str | None
    bench: Workbench
    creation: Exchange
    disturbances: int = field(default=0)  # restarts, deletes, interrupts: the runs they hit end in ways left open

    def path(self, tail: str = "") -> str:
        """Return the session's path, or one below it: `path("/files")`."""
        return self.bench.target.path(self.id, tail)

    # -- files

    def try_upload(self, files: Files | Form, **call: Any) -> Exchange:
        """Upload; return whatever came back."""
        form = files if isinstance(files, Form) else Form(parts_of(files))
        return self.bench.client.post(self.path("/upload"), form=form, operation="uploadFiles", **call)

    def upload(self, files: Files) -> Exchange:
        """Upload files that a server must take (UP-01; what is special about them names the clause that is unmet)."""
        parts = parts_of(files)
        exchange = self.try_upload(parts)
        if not exchange.ok:
            raise unmet(_promise(parts, self.bench.limits), "a successful upload: status 204", exchange)
        return exchange

    def try_list(self, path: str | None = None) -> Exchange:
        """List a folder, in the target's own way of taking parameters; return whatever came back."""
        target = self.bench.target
        extra = parameters(target.list_style, {"path": path}) if path is not None else {}
        exchange = self.bench.client.get(self.path("/files"), operation="listFiles", **extra)
        if exchange.ok:
            self.bench.observers.listing(exchange)
        return exchange

    def listing(self, path: str | None = None) -> Listing:
        """List a folder that exists (LS-01, LS-02)."""
        exchange = self.try_list(path)
        items = listed_items(exchange)
        if exchange.status != 200 or items is None:  # noqa: PLR2004  - LS-01
            raise unmet("LS-01", "status 200 with a listing", exchange)
        body = exchange.json_object()
        named = {item["filename"]: item for item in items if isinstance(item, dict) and "filename" in item}
        return Listing(body.get("folder_path"), named, body.get("errors"), exchange)

    def try_download(self, *paths: str) -> Exchange:
        """Download paths, in the target's own way of taking parameters; return whatever came back."""
        target = self.bench.target
        extra = parameters(target.download_style, {"files": paths})
        operation = "downloadFiles" if target.download_method == "GET" else "downloadFilesByPost"
        return self.bench.client.call(target.download_method, self.path("/download"), operation=operation, **extra)

    def download(self, *paths: str) -> list[Archive]:
        """Download one to five paths that exist (DL-01): one archive for each, in order."""
        return self.archives(self.try_download(*paths), len(paths))

    def archives(self, exchange: Exchange, count: int) -> list[Archive]:
        """Take a download apart; raise Unmet (DL-01, DL-06) where it is not `count` tar archives."""
        try:
            parts = split_response(exchange) if exchange.status == 200 else None  # noqa: PLR2004  - DL-01
        except NotMultipartError as error:
            raise unmet("DL-01", f"a multipart response with {count} parts", exchange, str(error)) from error
        if parts is None or len(parts) != count:
            got = None if parts is None else f"{len(parts)} parts"
            raise unmet("DL-01", f"status 200, multipart with {count} parts", exchange, got)
        try:
            archives = [open_archive(part) for part in parts]
        except NotTarError as error:
            raise unmet("DL-06", "tar archives that an ordinary reader opens", exchange, str(error)) from error
        self.bench.observers.archives(exchange, archives)
        return archives

    def fetch(self, path: str) -> bytes:
        """Download one regular file and return its content (DL-01, DL-03)."""
        exchange = self.try_download(path)
        content = self.archives(exchange, 1)[0].only_file
        if content is None:
            raise unmet("DL-01", f"a tar that holds the one file {path}", exchange, "another number of files")
        return content

    # -- runs

    def try_execute(self, body: Mapping[str, Any], **call: Any) -> Exchange:
        """Send an execute call; return whatever came back."""
        return self.bench.client.post(self.path(), json=dict(body), operation="execute", **call)

    def begin(
        self,
        exec_: str | None = None,
        *,
        build: str | None = None,
        clean: str | None = None,
        run_id: str | None = AUTO,
        options: Mapping[str, Any] | None = None,
        deadline_s: float = RUN_DEADLINE_S,
    ) -> OpenRun:
        """Start a run and return it open, its first result read: go on with `step()` or `finish()`.

        Commands that are None are left out; `options`, where given, is sent as it is. `run_id` None is sent as null
        (the server assigns one), any text is sent as it is.
        """
        commands = {"clean": clean, "build": build, "exec": exec_}
        sent = options if options is not None else {name: text for name, text in commands.items() if text is not None}
        asked = f"bp{secrets.token_hex(8)}" if run_id == AUTO else run_id
        body = {"mode": "batch", "code": "", "runId": asked, "options": dict(sent)}
        return OpenRun(self, body, deadline_s)

    def run(self, exec_: str | None = None, *, inputs: Iterable[str] = (), **how: Any) -> Run:
        """Run commands to the end (as `begin`); `inputs` answer `waiting-input` in turn."""
        return self.begin(exec_, **how).finish(inputs)

    def sh(self, command: str, **how: Any) -> str:
        """Run one command as a tool of the check; return its stdout, raise Unmet unless it ends with 0."""
        run = self.run(command, **how)
        if run.status != "finished" or run.exit_code != 0:
            got = f"{run.status}, exit code {run.exit_code}, stderr {show(run.stderr)}"
            raise unmet("", f"{show(command)} to finish with exit code 0", run.exchanges[-1], got)
        return run.stdout

    # -- the session itself

    def try_info(self) -> Exchange:
        """Ask for the session's description; return whatever came back."""
        return self.bench.client.get(self.path(), operation="getSession")

    def try_restart(self) -> Exchange:
        """Restart; return whatever came back."""
        self.disturbances += 1
        return self.bench.client.call("PATCH", self.path(), operation="restartSession")

    def try_interrupt(self) -> Exchange:
        """Interrupt; return whatever came back."""
        self.disturbances += 1
        return self.bench.client.post(self.path("/interrupt"), operation="interruptSession")

    def try_delete(self) -> Exchange:
        """Terminate; return whatever came back."""
        self.disturbances += 1
        return self.bench.client.call("DELETE", self.path(), operation="destroySession")

    def delete(self) -> None:
        """Terminate (SE-06); a DELETE that fails once is repeated."""
        self.disturbances += 1
        if not self.bench.ledger.delete(self.id, self.bench.client):
            raise unmet("SE-06", "a successful DELETE", self.bench.client.exchanges[-1])


def unmet(clause: str, expected: str, exchange: Exchange, actual: str | None = None) -> Unmet:
    """Return the failure of a prerequisite call; no response and 429 count as passing weather."""
    transient = exchange.status is None or exchange.status == _TOO_MANY
    got = exchange.got if actual is None else actual
    return Unmet(Finding(clause, expected, got, (exchange,)), transient=transient)


def _promise(parts: Sequence[Part], limits: Limits) -> str:
    """Return the clause that promises this upload: the most special thing about it names it."""
    names = [part.filename or "" for part in parts]
    special = (
        (any(".." in name.split("/") for name in names), ""),  # open: no clause promises it
        (any(name.startswith("/") for name in names), "UP-05"),
        (any("/" in name for name in names), "UP-04"),
        (any(not name.isascii() or set(name) & set(" \"\\%;'") for name in names), "UP-14"),
        (len(parts) > limits.max_files // 2, "UP-09"),
        (any(len(part.content) > limits.max_file_bytes // 2 for part in parts), "UP-07"),
    )
    return next((clause for applies, clause in special if applies), "UP-01")
