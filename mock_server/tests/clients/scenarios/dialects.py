"""How each generation of the Python clients connects, creates sessions and carries a run on, waiting or on asyncio.

Runs inside the clients' own environments, on every Python from 3.6 on.
"""

import asyncio
import concurrent.futures
import contextlib
import inspect
import queue
import threading
import uuid
from importlib import import_module
from typing import Any


class Loop:
    """One asyncio task on a thread of its own that does all calls: clients keep their session in the task's context."""

    def __init__(self) -> None:
        self._jobs: Any = queue.Queue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, function: Any, *values: Any, **named: Any) -> Any:
        """Call a function inside the task, and wait for what it gives where that can be awaited."""
        done: Any = concurrent.futures.Future()
        self._jobs.put((done, function, values, named))
        return done.result()

    def close(self) -> None:
        """End the task and the loop."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._work(loop))
        loop.close()

    async def _work(self, loop: Any) -> None:
        while True:
            job = await loop.run_in_executor(None, self._jobs.get)
            if job is None:
                return
            done, function, values, named = job
            try:
                answer = function(*values, **named)
                done.set_result(await answer if inspect.isawaitable(answer) else answer)
            except BaseException as error:  # noqa: BLE001  - raised again where the call was made
                done.set_exception(error)


class Awaited:
    """An object of an asyncio client, used as if its calls waited."""

    def __init__(self, target: Any, loop: Loop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        """Give the target's attribute, its methods made to wait."""
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*values: Any, **named: Any) -> Any:
            answer = self._loop.wait_for(found, *values, **named)
            return Awaited(answer, self._loop) if hasattr(answer, "execute") else answer

        return call


class Dialect:
    """20.03 and later: a session object with a ComputeSession class."""

    repeats = False  # whether a run goes on by the same call again, rather than by mode=continue
    name_key = "name"
    attribute = "ComputeSession"

    def __init__(self, image: str) -> None:
        self.image = image

    def open(self, stack: contextlib.ExitStack) -> Any:
        """Connect, until the stack is closed; give the class that stands for sessions."""
        session = stack.enter_context(import_module("ai.backend.client.session").Session())
        return getattr(session, self.attribute)

    async def open_asyncio(self, leave: Any) -> Any:
        """Connect on asyncio; `leave` takes the function whose answer, awaited, ends the connection."""
        session = import_module("ai.backend.client.session").AsyncSession()
        await session.__aenter__()
        leave(lambda: session.__aexit__(None, None, None))
        return getattr(session, self.attribute)

    def create(self, factory: Any, name: str) -> Any:
        """Create or reuse the session of that name."""
        return factory.get_or_create(self.image, **{self.name_key: name})

    def first_run_id(self) -> Any:
        """Say what the first call of a run sends."""
        return None

    def execute(self, kernel: Any, run_id: Any, mode: str, code: str, opts: Any) -> Any:
        """Make one execute call."""
        return kernel.execute(run_id, code, mode=mode, opts=opts)

    def identity(self, kernel: Any) -> str:
        """Tell which session the object stands for."""
        return str(getattr(kernel, "kernel_id", None) or getattr(kernel, "name", None))


class SessionKernel(Dialect):
    """1.4 to 19.09: a session object with a Kernel class."""

    name_key = "client_token"
    attribute = "Kernel"


class One(Dialect):
    """1.1 to 1.3: a Kernel class by itself; each call connects by itself."""

    name_key = "client_token"
    package = "ai.backend.client"

    def open(self, stack: contextlib.ExitStack) -> Any:
        """Give the class that stands for sessions."""
        _ = stack
        return import_module(self.package + ".kernel").Kernel

    async def open_asyncio(self, leave: Any) -> Any:
        """Give the class that stands for sessions on asyncio."""
        _ = leave
        return import_module(self.package + ".asyncio.kernel").AsyncKernel


class OneZero(One):
    """1.0: the client chooses the run's ID and repeats the call."""

    repeats = True

    def first_run_id(self) -> Any:
        """Say what every call of a run sends."""
        return uuid.uuid4().hex[:16]


class Sorna(One):
    """0.9: no run ID at all; the call is repeated."""

    repeats = True
    package = "sorna"

    def execute(self, kernel: Any, run_id: Any, mode: str, code: str, opts: Any) -> Any:
        """Make one execute call."""
        _ = run_id
        return kernel.execute(code, mode=mode, opts=opts)


class FunctionsKernel:
    """Gives the functions of 0.8 the face that later generations have."""

    def __init__(self, functions: Any, kernel_id: str) -> None:
        self._functions = functions
        self.kernel_id = kernel_id

    def execute(self, run_id: str, code: str) -> Any:
        """Run a snippet, or go on with it."""
        return self._functions.execute_code(self.kernel_id, run_id, code)

    def get_info(self) -> Any:
        """Ask for the session's facts."""
        return self._functions.get_kernel_info(self.kernel_id)

    def destroy(self) -> Any:
        """End the session."""
        return self._functions.destroy_kernel(self.kernel_id)


class SornaFunctions(Sorna):
    """0.8: functions, and query mode alone; the client chooses the run's ID."""

    first_run_id = OneZero.first_run_id

    def open(self, stack: contextlib.ExitStack) -> Any:
        """Give the module of functions."""
        _ = stack
        return import_module("sorna.kernel")

    async def open_asyncio(self, leave: Any) -> Any:
        """Give the module of coroutine functions."""
        _ = leave
        return import_module("sorna.asyncio.kernel")

    def create(self, factory: Any, name: str) -> Any:
        """Create the session."""
        return FunctionsKernel(factory, factory.create_kernel(self.image, name))

    def execute(self, kernel: Any, run_id: Any, mode: str, code: str, opts: Any) -> Any:
        """Make one execute call; there is one mode, and no options."""
        _ = mode, opts
        return kernel.execute(run_id, code)


DIALECTS = {
    "sorna-functions": SornaFunctions,
    "sorna": Sorna,
    "one-zero": OneZero,
    "one": One,
    "session-kernel": SessionKernel,
    "compute-session": Dialect,
}


def connect(dialect: Dialect, flavour: str, stack: contextlib.ExitStack) -> Any:
    """Connect in the flavour asked for, `waiting` or `asyncio`; give what creates sessions."""
    if flavour == "waiting":
        return dialect.open(stack)
    loop = Loop()
    stack.callback(loop.close)
    factory = loop.wait_for(dialect.open_asyncio, lambda end: stack.callback(loop.wait_for, end))
    return Awaited(factory, loop)
