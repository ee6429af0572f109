"""Runs one snippet of a Python session in the context that the snippets before it left: a program of its own (EX-28).

`python3 -c THIS CONTEXT CODE`, CONTEXT being a file. Each snippet has a process of its own, so what it leaves is
written down: imports, functions and classes as their source, which is executed anew; values pickled. What cannot be
pickled, such as an open file, is not kept, and stderr says so.
"""

import ast
import contextlib
import io
import os
import pickle
import sys
import traceback
import types

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def main(path: str, code: str) -> int:
    """Run the snippet; return its exit code."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    sources = restore(path, module)
    exit_code = execute(code, module)
    keep(path, module, {**sources, **definitions(code)})
    return exit_code


def execute(code: str, module: types.ModuleType) -> int:
    """Execute the snippet as a program of its own would be: a traceback on stderr, the code of `sys.exit`."""
    try:
        exec(compile(code, "<query>", "exec"), module.__dict__)  # noqa: S102  - what a query is for
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        sys.stderr.write(f"{leaving.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001  - whatever the snippet raised is its own
        frames = error.__traceback__.tb_next if error.__traceback__ else None
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
    sys.exit(main(*sys.argv[1:3]))
