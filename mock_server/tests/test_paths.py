"""Where paths of requests lead: properties of the part that needs no file system."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain.errors import InvalidPath, OutsideWorkspace
from mock_server.domain.paths import HOME, MAX_NAME_BYTES, absolute, components, file_components, link_components

_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
_PARTS = st.lists(st.one_of(_NAMES, st.sampled_from(["..", ".", "", "home", "work"])), max_size=8)


@given(parts=_PARTS, rooted=st.sampled_from(["", "/", "/home/work", "/home/work/", "//home/./work/"]))
def test_accepted_paths_are_below_home(parts: list[str], rooted: str) -> None:
    """Whatever is accepted is, as the kernel would read it, /home/work or something below it."""
    path = rooted + "/".join(parts)
    try:
        inside = components(path)
    except (OutsideWorkspace, InvalidPath):
        return
    assert not {"", ".", ".."} & set(inside)
    assert posixpath.normpath(posixpath.join(HOME, path)).replace("//", "/") == absolute(inside)


@given(parts=_PARTS)
def test_plain_names_are_kept(parts: list[str]) -> None:
    """A path without dots leads through exactly its own names, relative or absolute."""
    plain = [part for part in parts if part not in ("", ".", "..")]
    assert components("/".join(plain)) == components(f"{HOME}/{'/'.join(plain)}")
    assert list(components("/".join(["", *plain])[1:])) == plain


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../x",
        "a/../../x",
        "/",
        "/etc/passwd",
        "/home",
        "/home/workx",
        "/home/work/..",
        "/home/work/../../home/work/x",
    ],
)
def test_ways_out_are_refused(path: str) -> None:
    """A path that leaves /home/work is refused, even where it would come back."""
    with pytest.raises(OutsideWorkspace):
        components(path)


@pytest.mark.parametrize("path", ["a\0b", "x" * (MAX_NAME_BYTES + 1), "a/" * 2100, "\ud800"])
def test_impossible_names_are_refused(path: str) -> None:
    """A path that no file can have is refused before the kernel sees it."""
    with pytest.raises(InvalidPath):
        components(path)


@pytest.mark.parametrize("path", ["", ".", "a/", "a/.", "a/b/..", "/home/work", "/home/work/"])
def test_directories_are_no_file_names(path: str) -> None:
    """A path that names a directory cannot name an uploaded file."""
    with pytest.raises(InvalidPath):
        file_components(path)


@pytest.mark.parametrize(
    ("target", "parts"),
    [("../x", ("..", "x")), ("/home/work/a//b", ("a", "b")), ("/etc", None), ("/home", None), ("./a", ("a",))],
)
def test_link_texts(target: str, parts: tuple[str, ...] | None) -> None:
    """A link's text leads on from its directory, or from /home/work, or nowhere that is allowed."""
    assert link_components(target) == parts
