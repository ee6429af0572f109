"""Runs one snippet of a Python session in the context that the snippets before it left: a program of its own (EX-28).

`python3 -c THIS CONTEXT CODE MARKER`, CONTEXT being a file. Each snippet has a process of its own, so what it leaves is
written down: imports, functions and classes as their source, which is executed anew; values pickled. What cannot be
pickled, such as an open file, is not kept, and stderr says so.

What the last expression of a snippet shows of itself in the ways that Python's notebooks agreed on, and what it logs,
goes to the server in between its output: MARKER, a line of JSON (CN-07).
"""

import ast
import binascii
import contextlib
import io
import json
import logging
import os
import pickle
import sys
import time
import traceback
import types

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SHOWN = {  # the richest first
    "text/html": "_repr_html_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
}
_LEVELS = ((logging.CRITICAL, "fatal"), (logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))


def main(path: str, code: str, marker: str) -> int:
    """Run the snippet; return its exit code."""
    items = Items(marker)
    items.take_log()
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    sources = restore(path, module)
    exit_code = execute(code, module, items)
    keep(path, module, {**sources, **definitions(code)})
    return exit_code


class Items(logging.Handler):
    """Where pictures and log records go: to the server, in their place among all that is printed (CN-07)."""

    def __init__(self, marker: str) -> None:
        super().__init__()
        self._marker = marker

    def send(self, kind: str, data: object) -> None:
        """Write an item behind all that was printed before it."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # whatever the snippet made of it
                stream.flush()
        left = f"{self._marker}{json.dumps([kind, data])}\n".encode()
        with contextlib.suppress(OSError):
            while left:
                left = left[os.write(1, left) :]

    def show(self, value: object) -> None:
        """Send the richest of what a value shows of itself: HTML, else a picture, else nothing."""
        for mime, content in representations(value):
            if mime == "text/html":
                self.send("html", str(content))
            else:
                self.send("media", [mime, as_text(mime, content)])
            return

    def take_log(self) -> None:
        """Have log records sent that no handler of the snippet's own takes; `basicConfig` alone adds none."""
        configure = logging.basicConfig

        def basic_config(**options: object) -> None:
            own = {"filename", "stream", "handlers"} & set(options)
            configure(**(options if own else {**options, "handlers": [self]}))  # type: ignore[call-overload]  # as it came

        logging.basicConfig = basic_config
        logging.lastResort = self

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        try:
            message = logging.Formatter("%(message)s").format(record)
        except Exception:  # noqa: BLE001  - arguments that do not fit the message
            self.handleError(record)
        else:
            self.send("log", [level, moment, record.name, message])


def representations(value: object) -> "list[tuple[str, object]]":
    """Return what a value shows of itself, the richest first; nothing for a class, or where it fails."""
    if isinstance(value, type):
        return []
    bundle = called(value, "_repr_mimebundle_")
    shown = bundle[0] if isinstance(bundle, tuple) and bundle else bundle
    if isinstance(shown, dict):
        rich = [mime for mime in shown if isinstance(mime, str) and mime != "text/plain"]
        found = [(mime, shown[mime]) for mime in sorted(rich, key=lambda mime: [*_SHOWN, mime].index(mime))]
        if found:
            return found
    each = ((mime, called(value, name)) for mime, name in _SHOWN.items())
    return [(mime, content) for mime, content in each if content is not None]


def called(value: object, name: str) -> object:
    """Return what one of these methods returns; None where there is none, or it fails, which stderr then tells."""
    try:
        method = getattr(value, name, None)
        result = method() if callable(method) else None
    except Exception as error:  # noqa: BLE001  - whatever it raised
        sys.stderr.write(f"batchproof-mock: {name} failed: {type(error).__name__}: {error}\n")
        return None
    return result[0] if isinstance(result, tuple) and result and name != "_repr_mimebundle_" else result


def as_text(mime: str, content: object) -> str:
    """Return text and XML as is, anything else as a data URI; a string of such a type is base64 already."""
    if mime.startswith("text/") or mime.endswith(("/xml", "+xml")):
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    if isinstance(content, bytes):
        encoded = binascii.b2a_base64(content, newline=False).decode()
    elif isinstance(content, str):
        encoded = "".join(content.split())
    else:  # such as a JSON document
        encoded = binascii.b2a_base64(json.dumps(content, default=str).encode(), newline=False).decode()
    return f"data:{mime};base64,{encoded}"


def run(code: str, module: types.ModuleType) -> object:
    """Execute the statements; return the value of the last one, None where it is no expression."""
    tree = ast.parse(code, "<query>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<query>", "exec"), module.__dict__)  # noqa: S102  - what a query is for
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<query>", "eval"), module.__dict__)  # noqa: S307  - as above


def execute(code: str, module: types.ModuleType, items: Items) -> int:
    """Execute the snippet as a program of its own would be: a traceback on stderr, the code of `sys.exit`."""
    try:
        items.show(run(code, module))
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        sys.stderr.write(f"{leaving.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001  - whatever the snippet raised is its own
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename != "<query>":  # our own
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames)
        return 1
    return 0


def definitions(code: str) -> dict[str, str]:
    """Return the snippet's imports, functions and classes as source, by the names that they bind."""
    try:
        statements = [each for each in ast.parse(code).body if isinstance(each, _DEFINITIONS)]
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for each in statements:
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name for alias in each.names]
            found[",".join(names)] = ast.get_source_segment(code, each) or ""
        else:  # whole lines: a segment leaves decorators out
            first = min([each.lineno, *(decorator.lineno for decorator in each.decorator_list)])
            found[each.name] = "".join(code.splitlines(keepends=True)[first - 1 : each.end_lineno])
    return found


def restore(path: str, module: types.ModuleType) -> dict[str, str]:
    """Bring back what earlier snippets left; return the sources."""
    try:
        with open(path, "rb") as kept:  # noqa: PTH123  - pathlib costs more to import than all of this
            sources, values = pickle.load(kept)  # noqa: S301  - the session's own, in its sandbox
    except Exception:  # noqa: BLE001  - there is none yet, or the session's programs made it something else
        return {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        failed = [source for source in sources.values() if not define(source, module)]
        with contextlib.suppress(Exception):
            module.__dict__.update(pickle.loads(values))  # noqa: S301  - as above
        for source in failed:  # what needs a value, such as a default argument
            define(source, module)
    return dict(sources)


def define(source: str, module: types.ModuleType) -> bool:
    """Execute a definition; return whether that worked."""
    try:
        exec(compile(source, "<query>", "exec"), module.__dict__)  # noqa: S102  - what a query is for
    except BaseException:  # noqa: BLE001  - whatever it raised
        return False
    return True


def keep(path: str, module: types.ModuleType, sources: dict[str, str]) -> None:
    """Write down what the next snippet shall find."""
    defined = {name.partition(".")[0] for names in sources for name in names.split(",")}
    values = {}
    for name, value in list(module.__dict__.items()):
        code = isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType))
        if name.startswith("__") or (code and name in defined):
            continue
        try:
            pickle.dumps(value)
        except Exception:  # noqa: BLE001  - every type has its own way to refuse
            if name not in defined:
                sys.stderr.write(f"batchproof-mock: {name!r} cannot be kept for the next query\n")
        else:
            values[name] = value
    held = f"{path}.{os.getpid()}"
    with contextlib.suppress(Exception):
        with open(held, "wb") as file:  # noqa: PTH123  - as above
            pickle.dump((sources, pickle.dumps(values)), file)
        os.replace(held, path)  # noqa: PTH105  - as above


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
