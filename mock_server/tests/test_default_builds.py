"""`build: "*"` and `exec: "*"` by language: real compilers, where this machine has them (EX-08)."""

import shutil
from typing import Final

import pytest

from mock_server.domain.kernels import CPP, GO, JAVA, NODE, PYTHON, RUST, C, Kernel, kernel_of
from mock_server.tests.support import Client

SANDBOX_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
C_HALF: Final = ("a folder/it's a half.c", b"int half(int n) { return n / 2; }\n")
C_MAIN: Final = (
    "-main.c",
    b'#include <stdio.h>\nint half(int);\nint main(void) { puts(half(4) == 2 ? "ok" : "no"); }\n',
)
CPP_MAIN: Final = (
    "x.cpp",
    b"#include <iostream>\nint half(int);\nint main() { std::cout << half(4) / 2 << std::endl; }\n",
)
CPP_HALF: Final = ("lib/h.cc", b"int half(int n) { return n / 2; }\n")
JAVA_MAIN: Final = (
    "src/pkg/Start.java",
    b"package org.example;\nclass Start { public static void main(String[] a) { System.out.println(Half.of(4)); } }\n",
)
JAVA_HALF: Final = (
    "src/pkg/Half.java",
    b"package org.example;\nclass Half { static int of(int n) { return n / 2; } }\n",
)
GO_MAIN: Final = ("main.go", b'package main\nimport "fmt"\nfunc main() { fmt.Println("ok") }\n')
RUST_MAIN: Final = ("main.rs", b'fn main() { println!("ok"); }\n')


def everything(client: Client, lang: str, *files: tuple[str, bytes]) -> str:
    """Build and execute by default; give all that was printed, and the exit code at its end."""
    path = client.create(lang)
    assert client.upload(path, *files).status_code == 204
    body = {"mode": "batch", "runId": None, "options": {"build": "*", "exec": "*"}}
    output, result = "", client.execute(path, body)
    while True:
        output += "".join(text for _, text in result["console"])
        if result["status"] in {"finished", "exec-timeout"}:
            client.send("DELETE", path)
            return f"{output}{result['exitCode']}"
        result = client.execute(path, {"mode": "continue", "runId": result["runId"]})


@pytest.mark.parametrize(
    ("lang", "kernel"),
    [
        ("c", C),
        ("registry.example:5000/stable/gcc:11", C),
        ("C++:14", CPP),
        ("cpp", CPP),
        ("lablup/kernel-java:latest", C),
        ("java:11", JAVA),
        ("golang:1.21-alpine", GO),
        ("rust", RUST),
        ("cr.example/stable/python:3.11-ubuntu", PYTHON),
        ("python3", PYTHON),
        ("nodejs:20", NODE),
        ("something-else", C),
    ],
)
def test_a_language_is_told_from_its_image(lang: str, kernel: Kernel) -> None:
    """The last part of an image's name, without its tag, tells the language; what tells none is taken for C."""
    assert kernel_of(lang) is kernel


@pytest.mark.parametrize(
    ("lang", "tool", "files", "expected"),
    [
        ("c", "gcc", (C_MAIN, C_HALF), "ok\n0"),
        ("cpp", "g++", (CPP_MAIN, CPP_HALF), "1\n0"),
        ("java", "javac", (JAVA_MAIN, JAVA_HALF), "2\n0"),
        ("go", "go", (GO_MAIN,), "ok\n0"),
        ("rust", "rustc", (RUST_MAIN,), "ok\n0"),
        ("node", "node", (("index.js", b"console.log('ok')\n"),), "ok\n0"),
        ("python", "python3", (("__main__.py", b"print('ok')\n"), ("x.c", b"no C")), "ok\n0"),
    ],
)
def test_sources_are_built_and_run(
    client: Client, lang: str, tool: str, files: tuple[tuple[str, bytes], ...], expected: str
) -> None:
    """Every source below the working directory is built, whatever its name, and the program is run."""
    if shutil.which(tool, path=SANDBOX_PATH) is None:
        pytest.skip(f"{tool} is not installed where commands find it")
    assert everything(client, lang, *files) == expected


@pytest.mark.parametrize("lang", ["c", "cpp", "java", "go", "rust", "node", "python"])
def test_a_makefile_wins(client: Client, lang: str) -> None:
    """Where there is a Makefile the default build is make's, in every language."""
    path = client.create(lang)
    client.upload(path, ("makefile", b"all:\n\t@echo made by make\n"), ("broken.c", b"no C at all"))
    body = {"mode": "batch", "runId": None, "options": {"build": "*"}}
    result = client.execute(path, body)
    assert (result["status"], result["exitCode"]) == ("build-finished", 0)
    assert result["console"] == [["stdout", "made by make\n"]]
    client.send("DELETE", path)


@pytest.mark.parametrize("lang", ["c", "cpp", "java"])
def test_nothing_to_build_is_a_failed_build(client: Client, lang: str) -> None:
    """Without a source and without a Makefile the build fails, and says what was missing."""
    outcome = everything(client, lang, ("notes.txt", b"nothing"))
    assert "there is neither a Makefile nor a" in outcome
    assert outcome.endswith("127")


def test_a_toolchain_elsewhere_is_found_by_the_sessions_path(client: Client) -> None:
    """A compiler that lies somewhere else is used where the session's PATH names its folder (SE-09, EX-08)."""
    environ = {"PATH": f"./toolchain:{SANDBOX_PATH}"}
    path = client.create("rust", config={"environ": environ})
    compiler = b'#!/bin/bash\nprintf "#!/bin/bash\\necho compiled from $4\\n" > "$3"\nchmod +x "$3"\n'
    client.upload(path, ("toolchain/rustc", compiler), RUST_MAIN)
    assert client.run(path, "chmod +x toolchain/rustc")["exitCode"] == 0
    body = {"mode": "batch", "runId": None, "options": {"build": "*", "exec": "*"}}
    result = client.execute(path, body)
    while result["status"] != "finished":
        result = client.execute(path, {"mode": "continue", "runId": result["runId"]})
    assert (result["console"], result["exitCode"]) == ([["stdout", "compiled from ./main.rs\n"]], 0)
    client.send("DELETE", path)
