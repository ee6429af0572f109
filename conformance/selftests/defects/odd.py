"""Servers that several defects derive from: each lets one thing be changed on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Commands, Segment


class OddCommands(Behaviour):
    """A server that changes the commands that it was given."""

    def odd(self, commands: Commands) -> Commands:
        return commands

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        return self.odd(super().read_commands(wanted))


class OddNames(Behaviour):
    """A server that changes the names of files."""

    def odd(self, name: str) -> str:
        return name

    def file_name(self, filename: str, disposition: str) -> str:
        return self.odd(super().file_name(filename, disposition))


class OddConsole(Behaviour):
    """A server that changes finished console items."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return items

    def console(self, segment: Segment) -> list[Any]:
        return self.odd(super().console(segment))


class OddText(OddConsole):
    """A server that changes the text of console items."""

    def odd_text(self, text: str) -> str:
        return text

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, self.odd_text(text)] for stream, text in items]
