"""What `*` means: the default commands of a kernel (EX-08, EX-09), by the language in its name."""

import re
from dataclasses import dataclass
from typing import Final

from mock_server.domain.errors import InvalidParameter
from mock_server.domain.runs import Commands

DEFAULT: Final = "*"
_FAMILY: Final = re.compile(r"[a-z+#]*")


@dataclass(frozen=True)
class Kernel:
    """The default build and exec of one family of languages; clean does nothing in all of them (EX-09)."""

    build: str
    exec: str


def _built(otherwise: str) -> str:
    """Return a build that is make's where there is a Makefile, whatever the language."""
    return f"""\
if [ -e GNUmakefile ] || [ -e makefile ] || [ -e Makefile ]; then
  make
else
{otherwise}
fi"""


def _compiled(language: str, pattern: str, compiler: str) -> str:
    """Return a build of all sources below the working directory, whatever their names hold; `pattern` is find's."""
    return f"""\
  mapfile -d '' -t sources < <(find . {pattern} -type f -print0 | LC_ALL=C sort -z)
  if [ ${{#sources[@]}} -eq 0 ]; then
    echo 'default build: there is neither a Makefile nor a {language} source' >&2
    exit 1
  fi
  {compiler}"""


_LINKED: Final = "-o ./main -pthread -lm -lrt -ldl"
_CPP: Final = "'(' -name '*.cpp' -o -name '*.cc' -o -name '*.cxx' -o -name '*.C' ')'"
# The compilers of these keep their caches out of the workspace, where they would be listed.
_GO: Final = """\
  export GOCACHE="${TMPDIR:-/tmp}/go-build" GOFLAGS=-buildvcs=false
  if [ -e go.mod ]; then go build -o ./main .; else go build -o ./main ./*.go; fi"""
_RUST: Final = """\
  if [ -e Cargo.toml ]; then
    cargo build --offline
  else
    source=./main.rs
    [ -e "$source" ] || source=./src/main.rs
    rustc -O -o ./main "$source"
  fi"""
_RUST_EXEC: Final = "if [ -e Cargo.toml ]; then cargo run --offline --quiet; else ./main; fi"
# Java's main class has the name of its file, and its package that of the file's package line. "Main" is preferred.
_JAVA_EXEC: Final = """\
mapfile -d '' -t mains < <(grep -rlZ --include='*.java' -E 'void +main *\\(' . | LC_ALL=C sort -z)
source=${mains[0]}
for each in "${mains[@]}"; do
  case $each in */[Mm]ain.java) source=$each; break ;; esac
done
if [ -z "$source" ]; then
  echo 'default exec: no Java source has a main method' >&2
  exit 1
fi
package=$(sed -nE 's/^ *package +([A-Za-z0-9_.]+) *;.*/\\1./p' "$source" | head -n1)
name=${source##*/}
java -cp . "$package${name%.java}\""""


def _interpreted(interpreter: str, *names: str) -> Kernel:
    """Return a kernel with nothing to build; command lines send "*" for build all the same."""
    choices = "".join(f"[ -e ./{name} ] && exec {interpreter} ./{name}\n" for name in names)
    return Kernel(_built("  :"), f"{choices}exec {interpreter} ./{names[0]}")


C: Final = Kernel(_built(_compiled("C", "-name '*.c'", f'gcc "${{sources[@]}}" {_LINKED}')), "./main")
CPP: Final = Kernel(_built(_compiled("C++", _CPP, f'g++ "${{sources[@]}}" {_LINKED}')), "./main")
JAVA: Final = Kernel(_built(_compiled("Java", "-name '*.java'", 'javac -d . "${sources[@]}"')), _JAVA_EXEC)
GO: Final = Kernel(_built(_GO), "./main")
RUST: Final = Kernel(_built(_RUST), _RUST_EXEC)
PYTHON: Final = _interpreted("python3", "main.py", "__main__.py")
NODE: Final = _interpreted("node", "main.js", "index.js", "main.mjs")

_KERNELS: Final = {
    **dict.fromkeys(("c", "gcc", "clang"), C),
    **dict.fromkeys(("cpp", "c++", "g++"), CPP),
    **dict.fromkeys(("java", "openjdk"), JAVA),
    **dict.fromkeys(("go", "golang"), GO),
    **dict.fromkeys(("rust", "rustc"), RUST),
    **dict.fromkeys(("python", "py", "pypy"), PYTHON),
    **dict.fromkeys(("node", "nodejs", "javascript", "js"), NODE),
}


def kernel_of(lang: str) -> Kernel:
    """Return the defaults of a language or image, such as `c`, `python:3.6` or `registry/stable/python:3.11`.

    Names that say nothing are taken for C: the documents describe its build.
    """
    return named_kernel(lang) or C


def named_kernel(lang: str) -> Kernel | None:
    """Return the kernel that the name tells, None where it tells none."""
    family = _FAMILY.match(lang.rsplit("/", 1)[-1].lower())
    return _KERNELS.get(family[0]) if family else None


def commands(lang: str, options: dict[str, str | None]) -> Commands:
    """Return what a run has to do (EX-06, EX-07), `*` replaced. Raises InvalidParameter for a command with a NUL."""
    kernel = kernel_of(lang)
    defaults = {"clean": ":", "build": kernel.build, "exec": kernel.exec}
    for step in defaults:
        if "\0" in (options.get(step) or ""):
            raise InvalidParameter(f"options.{step}", "a command cannot hold a NUL")
    clean, build, exec_ = (
        default if options.get(step) == DEFAULT else options.get(step) for step, default in defaults.items()
    )
    return Commands(clean, build, exec_)
