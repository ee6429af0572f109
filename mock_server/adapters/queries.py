"""Query mode: the bash command that runs a snippet of a session's language (EX-28)."""

import shlex
from pathlib import Path
from typing import Final

from mock_server.adapters import query_python
from mock_server.domain.errors import InvalidParameter
from mock_server.domain.kernels import CPP, NODE, PYTHON, C, Kernel, named_kernel

MAX_CODE_BYTES: Final = 48 * 1024  # ours: Linux takes 128 KiB in one argument, quoting and the program around included
_PYTHON: Final = Path(query_python.__file__).read_text(encoding="utf-8")
_COMPILED: Final = """\
folder=$(mktemp -d) && printf %s "$code" > "$folder/main.{suffix}" &&
{compiler} "$folder/main.{suffix}" -o "$folder/main" -pthread -lm -lrt -ldl && exec "$folder/main\""""
_SHELLS: Final = ("bash", "sh", "shell")


def query_command(lang: str, code: str, context: str) -> str:
    """Return what a batch run would execute; `context` names what snippets share, for as long as it stays the same.

    Only Python has such a context; each snippet of C, C++, Node or bash is a program of its own. Raises
    InvalidParameter for other languages, and for code that cannot be handed over.
    """
    if "\0" in code or len(code.encode()) > MAX_CODE_BYTES:
        raise InvalidParameter("code", f"a snippet has at most {MAX_CODE_BYTES} bytes, and no NUL")
    return f"code={shlex.quote(code)}\n{_program(lang, context)}"


def _program(lang: str, context: str) -> str:
    if lang.rsplit("/", 1)[-1].partition(":")[0].lower() in _SHELLS:
        return 'exec bash -c "$code"'
    programs: dict[Kernel | None, str] = {
        PYTHON: f'exec python3 -c {shlex.quote(_PYTHON)} "${{TMPDIR:-/tmp}}/.query-{context}" "$code"',
        NODE: 'exec node -e "$code"',
        C: _COMPILED.format(suffix="c", compiler="gcc"),
        CPP: _COMPILED.format(suffix="cpp", compiler="g++"),
    }
    try:
        return programs[named_kernel(lang)]
    except KeyError:
        raise InvalidParameter("mode", f"query mode is not offered for {lang!r}; use 'batch'") from None
