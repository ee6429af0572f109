"""Finding out what a target is: dialect, names, ways of parameters, versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance import contract
from conformance.discovery import TargetError
from conformance.engine import Engine
from conformance.options import Options
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.target import Target

FOUND = {"files": json.dumps([{"filename": "bp-probe-file.txt"}]), "folder_path": "/home/work", "errors": ""}
EMPTY = {**FOUND, "files": "[]"}


def discovered(script: Callable[[Seen], Reply | None], **told: Any) -> Target:
    """Return what is found out about a scripted target."""
    with serve_script(script) as (url, target):
        engine = Engine(Options(url, seed=1, **told), catalogue(), contract.load())
        try:
            return engine.discover().target
        finally:
            engine.transport.close()
            assert target.sessions == set()


def test_the_first_known_image_is_taken() -> None:
    """Without --lang, well-known names are tried until one is taken, by `lang` and by `image`."""

    def only_images(seen: Seen) -> Reply | None:
        if seen.path != "/kernel":
            return None
        return None if seen.json.get("image") == "c" else problem(400)

    found = discovered(only_images)
    assert (found.dialect, found.lang, found.lang_key) == ("kernel", "c", "image")
    assert found.api_version == "v4.20181215"


def test_a_session_dialect_is_found() -> None:
    """A target that knows no /kernel is asked in the names of v5: `name` and `image` at /session."""
    alive: set[str] = set()

    def modern(seen: Seen) -> Reply | None:
        if seen.path in ("/", "/v4"):
            return Reply(200, {"version": "v6.20210815"}) if seen.path == "/" else problem(404)
        if seen.path == "/session":
            alive.add(seen.json["name"])
            return Reply(201, {"sessionId": "8c7f", "created": True}) if "image" in seen.json else problem(400)
        if seen.method == "DELETE":
            alive.clear()
        return Reply(200, {}) if seen.path.startswith("/session/8c7f") and alive else problem(404)

    found = discovered(modern)
    assert (found.dialect, found.lang_key, found.name_key) == ("session", "image", "name")
    assert found.api_version == "v6.20210815"
    assert alive == set()


@pytest.mark.parametrize(("read", "expected"), [("body", "body"), ("query", "query"), ("both", "both")])
def test_the_way_of_parameters_is_found_by_trying(read: str, expected: str) -> None:
    """CO-06: the style that finds a file which was just uploaded is the one used from then on."""

    def reads(seen: Seen) -> Reply | None:
        if not seen.path.partition("?")[0].endswith("/files"):
            return None
        has = {"body": bool(seen.body), "query": "?" in seen.path, "both": bool(seen.body) and "?" in seen.path}
        return Reply(200, FOUND if has[read] else EMPTY)

    assert discovered(reads).list_style == expected


def test_downloads_by_post_are_found() -> None:
    """DL-07: a target that takes downloads by POST alone is asked by POST."""

    def by_post(seen: Seen) -> Reply | None:
        if not seen.path.partition("?")[0].endswith("/download"):
            return None
        return Reply(200, b"tar") if seen.method == "POST" and seen.body else problem(405)

    found = discovered(by_post)
    assert (found.download_method, found.download_style) == ("POST", "body")


def test_keys_make_a_signer_of_the_version_told() -> None:
    """With keys, calls are signed in the manner of --api-version."""
    found = discovered(lambda _: None, access_key="AK", secret_key="SK", api_version="v2.20170315")  # noqa: S106  - a made-up one
    assert found.signer is not None
    assert (found.signer.access_key, found.signer.api_version) == ("AK", "v2.20170315")


def test_a_broken_target_that_is_such_an_api_is_judged() -> None:
    """A target that names its version but answers 500 to every creation is no usage error: the checks will tell."""
    found = discovered(lambda seen: problem(500) if seen.path == "/kernel" else None)
    assert found.version == "v4.20181215"


def test_an_image_that_was_told_is_the_only_one_tried() -> None:
    """With --lang nothing is guessed, and a refusal names the image."""
    with pytest.raises(TargetError, match="'cobol'"):
        discovered(lambda seen: problem(404) if seen.path == "/kernel" else None, lang="cobol")
