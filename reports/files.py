"""Writes a rendered file whole or not at all."""

from pathlib import Path
from uuid import uuid4


def write(out_dir: Path, name: str, content: str | bytes) -> Path:
    """Put `content` (text as UTF-8) into `out_dir/name`, making the folder; a reader never sees half of it."""
    out_dir.mkdir(parents=True, exist_ok=True)
    unfinished = out_dir / f".{name}.{uuid4().hex}"
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        return unfinished.replace(out_dir / name)
    finally:
        unfinished.unlink(missing_ok=True)
