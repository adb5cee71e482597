"""Ctrl-C, the end of a terminal, a polite kill: an interruption like any other, and only one."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Door:
    """Lets one interruption in, but not while something must not be left half done."""

    busy = 0
    knocked = False

    def knock(self, _number: int, _frame: FrameType | None) -> None:
        self.knocked = True
        self.open()

    def open(self) -> None:
        if self.knocked and not self.busy:
            self.knocked = False
            for number in SIGNALS:  # tidying up is not interrupted by impatience
                signal.signal(number, signal.SIG_IGN)
            raise KeyboardInterrupt


_DOOR = _Door()


def expect() -> None:
    """From now on each of the signals raises KeyboardInterrupt, once."""
    for number in SIGNALS:
        signal.signal(number, _DOOR.knock)


@contextmanager
def undisturbed() -> Iterator[None]:
    """An interruption that comes meanwhile is raised at the end."""
    _DOOR.busy += 1
    try:
        yield
    finally:
        _DOOR.busy -= 1
        _DOOR.open()
