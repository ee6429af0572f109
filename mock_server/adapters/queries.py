"""Query mode: the bash command that runs a snippet of a session's language (EX-28).

A Python snippet may also show pictures, HTML and log records (CN-07): its interpreter announces them by a marker of
this run alone, so that nothing which a program prints by chance is taken for one.
"""

import secrets
import shlex
from pathlib import Path
from typing import Final

from mock_server.adapters import query_python
from mock_server.domain.errors import InvalidParameter
from mock_server.domain.kernels import CPP, NODE, PYTHON, C, Kernel, named_kernel
from mock_server.domain.runs import Commands

MAX_CODE_BYTES: Final = 48 * 1024  # ours: Linux takes 128 KiB in one argument, quoting and the program around included
_PYTHON: Final = Path(query_python.__file__).read_text(encoding="utf-8")
_COMPILED: Final = """\
folder=$(mktemp -d) && printf %s "$code" > "$folder/main.{suffix}" &&
{compiler} "$folder/main.{suffix}" -o "$folder/main" -pthread -lm -lrt -ldl && exec "$folder/main\""""
_SHELLS: Final = ("bash", "sh", "shell")


def query(lang: str, code: str, context: str) -> Commands:
    """Return what to run as a batch run would; `context` names what snippets share, for as long as it stays the same.

    Only Python has such a context; each snippet of C, C++, Node or bash is a program of its own. Raises
    InvalidParameter for other languages, and for code that cannot be handed over.
    """
    if "\0" in code or len(code.encode()) > MAX_CODE_BYTES:
        raise InvalidParameter("code", f"a snippet has at most {MAX_CODE_BYTES} bytes, and no NUL")
    marker = f"\x1b]batchproof:{secrets.token_hex(16)} "
    return Commands(exec=f"code={shlex.quote(code)}\n{_program(lang, context, marker)}", marker=marker)


def _program(lang: str, context: str, marker: str) -> str:
    if lang.rsplit("/", 1)[-1].partition(":")[0].lower() in _SHELLS:
        return 'exec bash -c "$code"'
    python = f'python3 -c {shlex.quote(_PYTHON)} "${{TMPDIR:-/tmp}}/.query-{context}" "$code" {shlex.quote(marker)}'
    programs: dict[Kernel | None, str] = {
        PYTHON: f"exec {python}",
        NODE: 'exec node -e "$code"',
        C: _COMPILED.format(suffix="c", compiler="gcc"),
        CPP: _COMPILED.format(suffix="cpp", compiler="g++"),
    }
    try:
        return programs[named_kernel(lang)]
    except KeyError:
        raise InvalidParameter("mode", f"query mode is not offered for {lang!r}; use 'batch'") from None
