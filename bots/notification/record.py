"""What was sent, so that a repeated attempt tells nobody twice.

One file per notification, a line per receiver that gave its last word, on the disk before the next
message leaves. A second run of the same notification waits for the first.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

KEPT_S = 30 * 86_400


class Result(NamedTuple):
    """What became of one delivery; `status` as in `notification.sent`."""

    status: str
    ms: int
    error: str = ""


class Record:
    """The record of the notification `key` in `folder`; others that are old are removed."""

    def __init__(self, folder: Path, key: str) -> None:
        _forget(folder)
        path = folder / f"{sha256(key.encode()).hexdigest()}.jsonl"
        self._file = path.open("a+b")
        self._lock = threading.Lock()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def read(self) -> dict[tuple[str, str], Result]:
        """The last words so far, by channel and receiver."""
        self._file.seek(0)
        found = {}
        for line in self._file:
            try:
                channel, to, *result = json.loads(line)
                found[channel, to] = Result(*result)
            except (ValueError, TypeError):  # a run was cut off while it wrote: not known
                continue
        return found

    def add(self, channel: str, to: str, result: Result) -> None:
        """Remember the last word of a receiver."""
        with self._lock:
            # The first line end closes what a run that was cut off may have left.
            self._file.write(b"\n" + json.dumps([channel, to, *result]).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())


def _forget(folder: Path) -> None:
    """Events are older than a day never; their notifications need no longer memory than this."""
    before = time.time() - KEPT_S
    for path in folder.glob("*.jsonl"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
