"""Wires the mock server together; nothing else happens here.

`with start(Settings(...)) as mock: requests.get(mock.url)` runs it inside this process, on threads of its own, as the
command line does and as tests should.
"""

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from flask import Flask

from mock_server.adapters.browsers import LOOPBACK_NAMES, check_browser
from mock_server.adapters.folders import FolderStore
from mock_server.adapters.leftovers import own_root
from mock_server.adapters.lifetimes import Caretaker
from mock_server.adapters.problems import answer_refusals
from mock_server.adapters.rate_limits import RateLimiter
from mock_server.adapters.runner import POLL_S, Limits, PrintOrder, Runner, Sandbox, choose_level
from mock_server.adapters.sessions import SessionRegistry
from mock_server.adapters.signatures import SENT_METHOD, Signatures
from mock_server.adapters.storage import Storage, StorageLimits
from mock_server.adapters.walk import Owner
from mock_server.contract import Contract
from mock_server.domain.limits import Allowance, Capacity
from mock_server.routes.consoles import console_handlers
from mock_server.routes.dispatch import add_routes
from mock_server.routes.execution import execution_handlers
from mock_server.routes.files import file_handlers
from mock_server.routes.folders import folder_handlers
from mock_server.routes.gate import add_gate
from mock_server.routes.outputs import output_handlers
from mock_server.routes.sessions import session_handlers
from mock_server.routes.stream import stream_handlers
from mock_server.routes.versions import version_handlers
from mock_server.server import Server, WsgiApp

_OVERRIDABLE: Final = frozenset({"GET", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Settings:
    """What an operator can choose; every default is safe and fits a test."""

    host: str = "127.0.0.1"
    port: int = 0  # a free one
    poll_s: float = POLL_S  # how long an execute call waits for news (EX-17)
    exec_timeout_s: float = 300.0  # how long a run may take (EX-23)
    workspace_root: Path | None = None  # a private temporary directory
    sandbox: str | None = None  # the best level that works here
    max_threads: int = 256
    allowed_hosts: frozenset[str] = frozenset()  # besides the loopback names and `host`
    api_version: str | None = None  # the contract's; v5 and later send clients to /session
    capacity: Capacity = field(default_factory=Capacity)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets by access key; none: unsigned (AU)
    relaxed_signatures: bool = False  # accept signatures for other hosts, see `Signatures`
    rate_limit: int = 1_000_000  # requests of one key or address in a window (RL): real servers give 30,000
    rate_window_s: int | None = None  # the contract's
    idle_timeout_s: float = 3600.0  # how long a session may go unused; 0 for ever
    allowance: Allowance = field(default_factory=Allowance)
    storage: StorageLimits = field(default_factory=StorageLimits)
    limits: Limits = field(default_factory=Limits)  # of a run's commands; its time is `exec_timeout_s`
    print_order: PrintOrder = PrintOrder.EXACT  # CN-08, where the kernel can


@dataclass(frozen=True)
class Mock:
    """A running mock server."""

    url: str
    sandbox: str
    why_not_better: tuple[str, ...]
    contract: Contract
    sessions: SessionRegistry


@contextlib.contextmanager
def start(settings: Settings | None = None) -> Iterator[Mock]:
    """Run a mock server while the block lasts; nothing is left afterwards, neither processes nor files.

    Raises OSError where the address cannot be had, NoSandboxError where no sandbox works, ContractError where the
    server does not fit its contract.
    """
    chosen = settings or Settings()
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(own_root(chosen.workspace_root))
        contract, sandbox = _contract_and_sandbox(chosen, root)
        runner = stack.enter_context(
            Runner(
                sandbox,
                poll_s=chosen.poll_s,
                limit_chars=contract.limits.max_stream_chars,
                print_order=chosen.print_order,
            )
        )
        owner = Owner(*sandbox.owner)
        storage = Storage(chosen.storage)
        folders = FolderStore(root / "folders", owner, storage)
        sessions = SessionRegistry(runner, root, owner, folders, storage, chosen.allowance)
        stack.callback(sessions.close)
        stack.enter_context(Caretaker(sessions, chosen.idle_timeout_s))
        app = create_app(contract, sessions, folders, chosen)
        server = Server(app, chosen.host, chosen.port, chosen.max_threads)
        stack.enter_context(server)
        yield Mock(server.url, sandbox.name, sandbox.why_not_better, contract, sessions)


def _contract_and_sandbox(chosen: Settings, root: Path) -> tuple[Contract, Sandbox]:
    """Read the contract while the sandbox's processes are tried, which mostly means to wait for them."""
    limits = replace(chosen.limits, wall_s=chosen.exec_timeout_s)
    with ThreadPoolExecutor(1, "sandbox-choice") as aside:
        sandbox = aside.submit(choose_level, force=chosen.sandbox, limits=limits, hidden=(root,), root=root)
        contract = Contract.load()
    return contract, sandbox.result()


def create_app(contract: Contract, sessions: SessionRegistry, folders: FolderStore, settings: Settings) -> WsgiApp:
    """Return the WSGI application over a registry of sessions and one of folders."""
    app = Flask("mock_server", static_folder=None)
    handlers = {
        **version_handlers(settings.api_version or contract.version, contract.version),
        **session_handlers(sessions, settings.capacity),
        **file_handlers(contract.limits),
        **folder_handlers(folders, contract.limits),
        **execution_handlers(),
        **stream_handlers(contract.operations["execute"].check),
        **output_handlers(),
        **console_handlers(),
    }
    contract.bind(handlers)
    add_routes(app, contract.operations, handlers, sessions.find)
    answer_refusals(app)
    _add_gate(app, contract, settings)
    return _overriding(app)


def _add_gate(app: Flask, contract: Contract, settings: Settings) -> None:
    """Ask for signatures where there are keys, and count requests."""
    allowed_hosts = None if settings.keys else LOOPBACK_NAMES | {settings.host} | settings.allowed_hosts
    limits = contract.limits
    relaxed_hosts = settings.allowed_hosts if settings.relaxed_signatures else None
    signatures = Signatures(settings.keys, limits.max_clock_skew_s, relaxed_hosts)
    add_gate(
        app,
        check_sender=lambda environ: check_browser(environ, allowed_hosts),
        identify=signatures.identify if settings.keys else None,
        limiter=RateLimiter(settings.rate_limit, settings.rate_window_s or limits.rate_window_s),
        public_operations={operation.operation_id for operation in contract.operations.values() if operation.public},
    )


def _overriding(app: Flask) -> WsgiApp:
    """Let a client that is restricted to POST say which method it means (CO-07)."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        override = environ.get("HTTP_X_METHOD_OVERRIDE", "").upper()
        if environ["REQUEST_METHOD"] == "POST" and override in _OVERRIDABLE:
            environ[SENT_METHOD] = "POST"
            environ["REQUEST_METHOD"] = override
        return app(environ, start_response)

    return wrapped
