"""The mock server, slowed: `python -m benchmarks.slowed SECONDS [OPTION]...` waits so long before it sees to each call.

It stands for a target that is far away or busy; it takes the mock server's own options.
"""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from mock_server import app as application
from mock_server.cli import main

_WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def slow_down(delay_s: float) -> None:
    """Have every server that is made from now on wait before each call."""
    at_once = application.create_app

    def create_app(*parts: Any, **named: Any) -> _WsgiApp:
        app = at_once(*parts, **named)

        def waiting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            time.sleep(delay_s)
            return app(environ, start_response)

        return waiting

    application.create_app = create_app


if __name__ == "__main__":
    slow_down(float(sys.argv.pop(1)))
    main()
