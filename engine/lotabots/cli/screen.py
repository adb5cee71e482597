"""What standard output can show: colours, and how many columns."""

from __future__ import annotations

import os
import sys
from typing import Final

MAX_WIDTH: Final = 120


def wants_color(choice: str) -> bool:
    """Whether to colour standard output (https://no-color.org is honoured)."""
    if choice == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return sys.stdout.isatty() and not plain
    return choice == "always"


def terminal_width() -> int:
    """Columns to use: the terminal's, at most `MAX_WIDTH`."""
    from shutil import get_terminal_size  # noqa: PLC0415 - and the compressors that it imports

    return min(get_terminal_size((100, 24)).columns, MAX_WIDTH)
