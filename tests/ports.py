"""A port for something that is told its port before it listens."""

from __future__ import annotations

import random
import socket
from typing import Final

RANGE: Final = range(20_000, 32_000)
"""Below those that Linux gives out by itself (ip_local_port_range): a port that was free a moment
ago is often given to the next connection of another test that runs at the same time.
"""


def free_port() -> int:
    """A port that nobody listens on, and that nobody gets who does not ask for it."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(RANGE)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
