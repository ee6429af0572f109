"""UP: uploading files, `POST /kernel/:id/upload`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.session import Session


@requirement("UP-07", tier="smoke")
@pytest.mark.parametrize("below", [0, 1], ids=["at-the-limit", "one-byte-below"])
def test_a_file_up_to_the_limit_is_taken(session: Session, judge: Judge, limits: Limits, below: int) -> None:
    """A file of up to and including 1 MiB is accepted, and is there in full."""
    size_bytes = limits.max_file_bytes - below
    exchange = session.try_upload({"ladder.bin": b"x" * size_bytes})
    judge.accepted("UP-07", exchange, expected=f"a file of {size_bytes:,} bytes to be accepted")
    found = session.sh("wc -c < ladder.bin").strip()
    judge.require("UP-07", found == str(size_bytes), expected=f"{size_bytes} bytes", actual=found, exchange=exchange)


@requirement("UP-08", tier="smoke")
@pytest.mark.parametrize("above", [1, 1024 * 1024], ids=["one-byte-above", "twice-the-limit"])
def test_a_file_over_the_limit_is_refused(session: Session, judge: Judge, limits: Limits, above: int) -> None:
    """A file of more than 1 MiB is answered with 400."""
    exchange = session.try_upload({"ladder.bin": b"x" * (limits.max_file_bytes + above)})
    judge.status("UP-08", exchange, 400)
