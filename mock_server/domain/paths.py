"""Where a path of a request leads below /home/work: the part that needs no file system (UP-05, UP-06).

Links are not known here; `mock_server.adapters.walk` follows them, and confines what they lead to.
"""

from typing import Final

from mock_server.domain.errors import InvalidPath, OutsideWorkspace

HOME: Final = "/home/work"
_HOME_PARTS: Final = ("home", "work")
MAX_PATH_BYTES: Final = 4095  # Linux: PATH_MAX without its NUL
MAX_NAME_BYTES: Final = 255  # Linux: NAME_MAX


def components(path: str) -> tuple[str, ...]:
    """Return the names that lead from /home/work to `path`, absolute or relative; none for the directory itself.

    Raises OutsideWorkspace as soon as a `..` leaves /home/work, even where the rest would come back, and InvalidPath
    for what no file can be called.
    """
    _check_form(path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/"):
        if tuple(parts[:2]) != _HOME_PARTS:
            raise OutsideWorkspace(path)
        parts = parts[2:]
    inside: list[str] = []
    for part in parts:
        if part != "..":
            inside.append(part)
        elif inside:
            inside.pop()
        else:
            raise OutsideWorkspace(path)
    return tuple(inside)


def file_components(path: str) -> tuple[str, ...]:
    """Return `components` of a path that has to name a file: not empty, no slash or dots at its end."""
    inside = components(path)
    if not inside or path.rsplit("/", 1)[-1] in ("", ".", ".."):
        raise InvalidPath(path, "it names a directory; a file's name is needed")
    return inside


def absolute(inside: tuple[str, ...]) -> str:
    """Return the absolute path as the session's programs see it."""
    return "/".join((HOME, *inside))


def link_components(target: str) -> tuple[str, ...] | None:
    """Return what a symbolic link's text adds: its parts, `..` kept; absolute ones from /home/work on.

    None when an absolute target is not below /home/work. Whether the parts are relative to the link's directory or to
    /home/work tells `target.startswith("/")`.
    """
    parts = tuple(part for part in target.split("/") if part not in ("", "."))
    if not target.startswith("/"):
        return parts
    return parts[2:] if parts[:2] == _HOME_PARTS else None


def _check_form(path: str) -> None:
    if "\0" in path:
        raise InvalidPath(path.replace("\0", "\\0"), "a path cannot hold a NUL")
    try:
        size_bytes = len(path.encode())
    except UnicodeEncodeError:
        raise InvalidPath(ascii(path), "a path must be valid Unicode") from None
    if size_bytes > MAX_PATH_BYTES:
        raise InvalidPath(path[:40] + "...", f"a path can have at most {MAX_PATH_BYTES} bytes")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in path.split("/")):
        raise InvalidPath(path[:40] + "...", f"a name can have at most {MAX_NAME_BYTES} bytes")
