"""Writing files: whole or not at all."""

from pathlib import Path

import pytest

from reports import files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content takes the old one's place, and nothing else is left in the folder."""
    files.write(tmp_path / "a" / "b", "x.txt", "old and long")
    assert files.write(tmp_path / "a" / "b", "x.txt", "né").read_bytes() == "né".encode()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.txt"]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    """Where the name is taken by a folder, the error is raised and no unfinished file stays."""
    (tmp_path / "x.txt").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path, "x.txt", "content")
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    """A CI job that collects artifacts as another user can open the file."""
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert files.write(tmp_path, "x.txt", "").stat().st_mode == ordinary.stat().st_mode
