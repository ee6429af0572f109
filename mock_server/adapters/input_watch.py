"""Notices when a step waits for input (EX-18), and hands it what the client types.

The kernel tells nobody that a program went to sleep in a read, so it is looked for: soon after the step wrote
something or was given a line, and then ever more rarely. Used in the reader's thread alone.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from mock_server.adapters import input_blocks
from mock_server.adapters.input_blocks import Block
from mock_server.adapters.terminal import Terminal

FIRST_LOOK_S: Final = 0.01
LAST_LOOK_S: Final = 0.25
_STEADY_S: Final = 0.1  # how long a program must have waited that may be about to do something else


class Clock(Protocol):
    """The reader's thread, as far as it is needed here."""

    def watch(self, fd: int, handler: Callable[[], None]) -> None:
        """Call `handler` whenever `fd` is readable."""

    def unwatch(self, fd: int) -> None:
        """Stop calling."""

    def call_later(self, delay_s: float, handler: Callable[[], None]) -> Callable[[], None]:
        """Call `handler` after `delay_s`; return what cancels it."""


class Asker(Protocol):
    """The step whose input this is."""

    def said(self, data: bytes) -> None:
        """Take what a program wrote to its terminal rather than to its streams, such as getpass's prompt."""

    def asks(self, *, is_password: bool) -> None:
        """Learn that a program waits for input. What it wrote before may still be in the pipes."""

    def goes_on(self) -> None:
        """Learn that it does so no more: it was given input, or gave up."""


class InputWatch:
    """Follows the terminal of one step, whose processes are `root` and its descendants."""

    def __init__(self, clock: Clock, terminal: Terminal, root: int, step: Asker) -> None:
        self._clock = clock
        self._terminal = terminal
        self._root = root
        self._step = step
        self._asking: Block | None = None
        self._answered: Block | None = None  # was given a line, and has perhaps not woken up yet
        self._seen: Block | None = None  # at the last look
        self._seen_since_s = 0.0
        self._delay_s = FIRST_LOOK_S
        self._disturbed_s = 0.0  # when it was, last
        self._looked_s = 0.0
        self._cancel: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to look."""
        self._clock.watch(self._terminal.fileno(), self._listen)
        self._look_later()

    def disturb(self) -> None:
        """Look soon, because something happened in the step."""
        self._disturbed_s = time.monotonic()
        if self._delay_s > FIRST_LOOK_S:
            self._delay_s = FIRST_LOOK_S
            self._look_later()

    def type(self, text: str) -> None:
        """Give the step a text (EX-18), now or when next it asks."""
        self._terminal.type(text)
        if self._asking:
            self._send()
            self._step.goes_on()
        self.disturb()

    def close(self) -> None:
        """Stop looking and hang up; the step has ended."""
        self._cancel()
        self._clock.unwatch(self._terminal.fileno())
        self._listen()
        self._terminal.close()

    def _listen(self) -> None:
        if data := self._terminal.said():
            self._step.said(data)

    def _look_later(self) -> None:
        self._cancel()
        self._cancel = self._clock.call_later(self._delay_s, self._look)

    def _look(self) -> None:
        now_s = time.monotonic()
        if self._terminal.has_unread:
            self._terminal.push()
        elif now_s - self._disturbed_s < FIRST_LOOK_S / 2 and now_s - self._looked_s < LAST_LOOK_S:
            self._delay_s = FIRST_LOOK_S  # it is just writing: to look at every process would hold up its output
        else:
            self._looked_s = now_s
            self._delay_s = min(2 * self._delay_s, LAST_LOOK_S)
            self._judge(input_blocks.find_block(self._root, self._terminal.device, self._terminal.owner))
        self._look_later()

    def _judge(self, block: Block | None) -> None:
        """Act on what a look found."""
        if block != self._seen:
            self._seen, self._seen_since_s = block, time.monotonic()
        if block is None:
            self._give_up()
        elif block == self._answered:
            return
        elif time.monotonic() - self._seen_since_s < self._doubt_s(block):
            self._delay_s = FIRST_LOOK_S
        elif self._terminal.has_lines:
            self._asking = block
            self._send()
        elif block != self._asking:
            self._ask(block)

    def _doubt_s(self, block: Block) -> float:
        """Return how long a block must have been seen unchanged to be a question."""
        if not block.certain:
            return _STEADY_S
        # After a line was sent, a reader may be between two pieces of it.
        return FIRST_LOOK_S / 2 if self._answered else 0.0

    def _ask(self, block: Block) -> None:
        self._asking = block
        self._listen()
        self._step.asks(is_password=self._terminal.echo_is_off)

    def _give_up(self) -> None:
        if self._asking:
            self._asking = None
            self._step.goes_on()

    def _send(self) -> None:
        self._answered, self._asking = self._asking, None
        self._terminal.send_line()
