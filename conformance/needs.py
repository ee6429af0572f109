"""What checks need the user to tell: which of it is known, and what to say where it is not."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from conformance.attempt import Kit
from conformance.checks import Need
from conformance.judge import Unmet, Untestable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.attempt import World
    from conformance.options import Options

_OF_C: Final = re.compile(r"(^|[^a-z])(c|c11|c17|gcc|clang)([^a-z+#]|$)")  # a compiler elsewhere builds no C by default


def told(options: Options) -> dict[Need, bool]:
    """Return what the user told; whether there is a C compiler can be found out, and is not among it."""
    return {
        Need.EXEC_TIMEOUT: options.exec_timeout_s is not None,
        Need.RATE_LIMIT: options.rate_limit is not None,
        Need.KEYS: options.authenticated,
        Need.SECOND_KEYS: bool(options.second_access_key and options.second_secret_key),
        Need.RESTART: options.restart,
    }


class Needs:
    """Answers for one run; a kernel with a C compiler is looked for when the first check wants one."""

    def __init__(self, world: World, c_langs: Sequence[str]) -> None:
        self._world = world
        self._c_langs = c_langs
        self._lock = threading.Lock()
        self._looked_for_c = False

    def lacking(self, needs: Sequence[Need]) -> str:
        """Return how to tell what is not known; empty where all is."""
        known = told(self._world.options)
        return "; ".join(need.advice for need in needs if not (self._has_c() if need is Need.C_LANG else known[need]))

    def _has_c(self) -> bool:
        """Whether a kernel with a C compiler is known: told, or the run's own, or one of the usual names."""
        with self._lock:
            if self._world.target.c_lang is None and not self._looked_for_c:
                self._looked_for_c = True
                own = self._world.target.lang
                langs = (own, *self._c_langs) if _OF_C.search(own) else self._c_langs
                self._world.target = replace(self._world.target, c_lang=next(filter(self._compiles, langs), None))
            return self._world.target.c_lang is not None

    def _compiles(self, lang: str) -> bool:
        kit = Kit(self._world, (), timeout_s=60.0)
        try:
            run = kit.sessions.create(lang=lang).run("command -v gcc || command -v cc || command -v clang")
        except (Unmet, Untestable):
            return False
        finally:
            kit.close()
        return run.exit_code == 0
