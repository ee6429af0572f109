"""CN: from bytes to console items."""

from __future__ import annotations

import codecs
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .workspace import Workspace

if TYPE_CHECKING:
    from .runs import Run, Segment


class Console(Workspace):
    """Decoding, the limit per stream and call, merging of neighbours."""

    max_console_chars = 524_288
    keeps = "head"  # CN-03 (open): "head" or "tail"

    def decoder(self) -> codecs.IncrementalDecoder:
        """CN-02: one decoder for each stream of a step."""
        return codecs.getincrementaldecoder("utf-8")("replace")

    def heard(self, run: Run, stream: str, text: str) -> None:
        """Add what a program wrote to the run's open segment."""
        with run.changed:
            self.keep(run.segments[-1], stream, text)

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        """CN-03: each stream of each call counts on its own; the excess is dropped."""
        if self.keeps == "head":
            text = text[: max(0, self.max_console_chars - segment.chars[stream])]
        if text:
            segment.blocks.append((stream, text))
            segment.chars[stream] += len(text)
            if self.keeps == "tail":
                self.forget_head(segment, stream)

    def forget_head(self, segment: Segment, stream: str) -> None:
        """CN-03 (open): the newest output stays."""
        excess = segment.chars[stream] - self.max_console_chars
        for index, (name, text) in enumerate(segment.blocks):
            if excess <= 0:
                return
            if name == stream:
                cut = min(excess, len(text))
                segment.blocks[index] = (name, text[cut:])
                segment.chars[stream] -= cut
                excess -= cut

    def console(self, segment: Segment) -> list[list[Any]]:
        """CN-01, CN-05: pairs of stream and text, neighbours of one stream merged."""
        blocks = [block for block in segment.blocks if block[1]]
        return [[stream, "".join(text for _, text in group)] for stream, group in groupby(blocks, lambda one: one[0])]
