"""How fast records may be made: whoever asks too often waits, and nobody fills the audit log."""

from __future__ import annotations

import asyncio
from typing import Final

RATE: Final = 10.0
"""Records a second of one door, in the long run."""

BURST: Final = 50
"""Records that may come at once after a pause."""


class Brake:
    """Lets `BURST` through at once, and further ones at `RATE`, in the order in which they came."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._full = self._clock()

    async def wait(self) -> None:
        """Wait until one more is let through."""
        now = self._clock()
        self._full = max(self._full, now) + 1 / RATE
        await asyncio.sleep(max(0.0, self._full - now - BURST / RATE))
