"""Text for a terminal: what cannot hurt it, how wide it is, and in which colour.

Rule files are other people's text. Whatever a terminal would obey or hide (escape sequences,
line ends, marks that reverse the order of text, unusual spaces) is shown as an escape, so that
no file can forge a finding or hide one.
"""

from __future__ import annotations

from typing import Final
from unicodedata import category, east_asian_width

TAB: Final = 4
"""Cells that a tab is shown with, wherever it stands."""

_RESET: Final = "\x1b[0m"
COLORS: Final = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "frame": "\x1b[1;34m",
    "strong": "\x1b[1m",
}


def clean(text: str) -> str:
    """The text on one line, with every character that is not plainly visible escaped."""
    return text if text.isprintable() else "".join(map(shown, text))


def shown(character: str) -> str:
    """One character as it is printed."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def cells(character: str) -> int:
    """How many cells of a terminal a printable character takes: 0, 1 or 2."""
    if character.isascii():
        return 1
    if category(character) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(character) in {"W", "F"} else 1


def paint(text: str, color: str, *, on: bool) -> str:
    """The text in a colour of `COLORS`, if colours are on."""
    return f"{COLORS[color]}{text}{_RESET}" if on and text else text
