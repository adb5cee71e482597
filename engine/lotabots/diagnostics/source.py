"""The lines of the files that findings point into, counted as the composer counts them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
"""What ends a line: the three ways of files, not the further ones that Unicode knows."""


class Sources:
    """Files by path, split into lines when a renderer first asks for one of them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._lines: dict[str, list[str]] = {}

    def line(self, path: str, number: int) -> str | None:
        """The 1-based line without its end; None if there is no such file or line.

        A byte that is not UTF-8 is shown as U+FFFD; a byte order mark is no character.
        """
        if path not in self._lines:
            text = self._files.get(path, b"").decode("utf-8", errors="replace")
            self._lines[path] = LINE_BREAK.split(text.removeprefix("\ufeff")) if text else []
        lines = self._lines[path]
        return lines[number - 1] if 0 < number <= len(lines) else None
