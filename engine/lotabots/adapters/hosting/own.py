"""The requests of the front to itself, told from those of clients by where they come from.

A probe must not wait behind clients: whoever sends enough of them could make a good release look
bad. No header tells them apart, for clients could send it too. The port that a probe comes from
is taken for as long as its connection is open, so nobody else can come from there.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import BaseTransport
    from collections.abc import Callable, Iterator

    from aiohappyeyeballs import AddrInfoType


class Own:
    """The addresses that the front's own requests come from at the moment."""

    def __init__(self) -> None:
        self._places: set[tuple[Any, ...]] = set()

    @contextlib.contextmanager
    def sockets(self) -> Iterator[Callable[[AddrInfoType], socket.socket]]:
        """Makes sockets to the front that count as its own while the context lasts."""
        made: set[tuple[Any, ...]] = set()

        def make(info: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            one = socket.socket(family, kind, protocol)
            # Bound before it connects: the front must know it when it comes.
            one.bind((address[0], 0))
            made.add(one.getsockname()[:2])
            self._places.update(made)
            return one

        try:
            yield make
        finally:
            self._places -= made

    def has(self, transport: BaseTransport | None) -> bool:
        """Whether the other end of a connection is the front itself."""
        peer = transport.get_extra_info("peername") if transport is not None else None
        return peer is not None and peer[:2] in self._places
