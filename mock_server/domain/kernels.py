"""What `*` means: the default commands of a kernel (EX-08, EX-09), by the language in its name."""

from dataclasses import dataclass
from typing import Final

from mock_server.domain.runs import Commands

DEFAULT: Final = "*"


@dataclass(frozen=True)
class Kernel:
    """The default build and exec of one family of languages; clean does nothing in all of them (EX-09)."""

    build: str
    exec: str


C: Final = Kernel(
    build="""\
if [ -e GNUmakefile ] || [ -e makefile ] || [ -e Makefile ]; then
  make
else
  mapfile -d '' -t sources < <(find . -name '*.c' -type f -print0 | LC_ALL=C sort -z)
  if [ ${#sources[@]} -eq 0 ]; then
    echo 'default build: there is neither a Makefile nor a C source' >&2
    exit 1
  fi
  gcc "${sources[@]}" -o ./main -pthread -lm -lrt -ldl
fi""",
    exec="./main",
)
# An interpreted language has nothing to build; command lines send "*" for build all the same.
PYTHON: Final = Kernel(build="if [ -e Makefile ]; then make; fi", exec="python3 ./main.py")


def kernel_of(lang: str) -> Kernel:
    """Return the defaults of a language or image, such as `c`, `python:3.6` or `registry/stable/python:3.11`."""
    return PYTHON if lang.rsplit("/", 1)[-1].lower().startswith("python") else C


def commands(lang: str, options: dict[str, str | None]) -> Commands:
    """Return what a run has to do (EX-06, EX-07), `*` replaced."""
    kernel = kernel_of(lang)
    defaults = {"clean": ":", "build": kernel.build, "exec": kernel.exec}
    given = {step: options.get(step) for step in defaults}
    return Commands(**{step: defaults[step] if value == DEFAULT else value for step, value in given.items()})
