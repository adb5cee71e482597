"""Bounds what a bot says: its output cut into lines, its standard error kept head and tail.

Granted secrets are masked in both, in the spellings a program may print them in by accident.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAD: Final = 64 * 1024
TAIL: Final = 192 * 1024
_SHORTEST_SECRET: Final = 4


class Secrets:
    """Masks the granted secrets of a run."""

    def __init__(self, values: Mapping[str, str]) -> None:
        needles = {
            needle: f"<secret {name}>".encode()
            for name, value in values.items()
            for needle in _spellings(value)
        }
        # The longest first, so that no piece of one is left over.
        self._needles = sorted(needles.items(), key=lambda item: -len(item[0]))

    @property
    def longest(self) -> int:
        """Bytes of the longest that is masked."""
        return len(self._needles[0][0]) if self._needles else 0

    def mask(self, data: bytes) -> bytes:
        """`data` without the secrets."""
        for needle, name in self._needles:
            data = data.replace(needle, name)
        return data

    def mask_start(self, data: bytes) -> bytes:
        """`data`, which goes on, without the secrets, nor the beginning of one at its end."""
        data = self.mask(data)
        begun = (
            length
            for needle, _ in self._needles
            for length in range(1, len(needle))
            if data.endswith(needle[:length])
        )
        return data[: len(data) - max(begun, default=0)]


class Lines:
    """Cuts a stream into lines. Of a line longer than `limit` only the first limit + 1 bytes come.

    So whoever reads it sees that it is too long, and memory stays bounded.
    """

    def __init__(self, limit: int) -> None:
        self._most = limit + 1
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are complete now, without their ends."""
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            self._take(piece)
            yield self._line()
        self._take(rest)

    def end(self) -> Iterator[bytes]:
        """The last line, if it has no end."""
        if self._pending:
            yield self._line()

    def _take(self, piece: bytes) -> None:
        self._pending += piece[: self._most - len(self._pending)]

    def _line(self) -> bytes:
        line = bytes(self._pending)
        self._pending.clear()
        return line


class Log:
    """The first `HEAD` and the last `TAIL` bytes of a stream."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        """Add `chunk`, in pieces of a bounded size."""
        room = HEAD - len(self._head)
        self._head += chunk[:room]
        rest = chunk[room:] if room > 0 else chunk
        if rest:
            self._tail.append(rest)
            self._kept += len(rest)
        while self._tail and self._kept - len(self._tail[0]) >= TAIL:
            gone = len(self._tail.popleft())
            self._kept -= gone
            self._dropped += gone

    async def take(self, chunk: bytes) -> None:
        """Add `chunk`, for whoever reads a stream; never waits."""
        self.feed(chunk)

    def text(self, secrets: Secrets) -> bytes:
        """What is kept, masked. Lines that were cut are left out: half a secret has no mask."""
        head, tail = bytes(self._head), b"".join(self._tail)
        if not self._dropped:
            return secrets.mask(head + tail)
        head, _, cut_head = head.rpartition(b"\n")
        cut_tail, end, tail = tail.partition(b"\n")
        gone = self._dropped + len(cut_head) + len(cut_tail) + len(end)
        return secrets.mask(head) + f"\n[{gone} bytes left out]\n".encode() + secrets.mask(tail)


def _spellings(value: str) -> Iterator[bytes]:
    for text in {value, *value.splitlines()}:
        if len(text) >= _SHORTEST_SECRET:
            yield text.encode()
            yield json.dumps(text)[1:-1].encode()
            yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
            yield base64.b64encode(text.encode())
