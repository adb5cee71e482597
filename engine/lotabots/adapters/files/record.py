"""The record of events on disk: one file of lines a day, and a head that says how far to read.

Crash safety: lines are durable before the head that covers them is renamed into place, and what is
beyond the head is cut off at the next start. So a reader that reads the head first, and no further
than it says, always finds whole lines.
"""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from lotabots.adapters.files.auditlog import AuditLogError
from lotabots.policy.project_broker import source_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from lotabots.runtime.ports import Delivery

HEAD: Final = "head.json"
SUFFIX: Final = ".jsonl"
VERSION: Final = 1
KEPT_DAYS: Final = 90
READABLE: Final = 0o644
"""In the sandbox the reader is another user; outside, nobody else gets into the state folder."""


class RecordError(AuditLogError):
    """The record on disk is not one of ours. Remove it and it is made anew from the stream."""


class RecordFolder:
    """The only writer of the record in `folder`, which is made if it is missing.

    Raises:
        RecordError: the head cannot be read, or is of another version.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        head = self._read_head()
        self.sequence: int = head["sequence"]
        self._lost: int = head["lost"]
        self._files: dict[str, int] = head["files"]
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name not in self._files:
                path.unlink()
        for name, size in self._files.items():
            os.truncate(folder / name, size)

    def publish(
        self, deliveries: Sequence[Delivery], /, *, sequence: int, lost: int, as_of: datetime
    ) -> None:
        """Add copies and say how far the record reaches; if it fails, it may be tried again."""
        files = dict(self._files)
        days: dict[str, list[bytes]] = {}
        for delivery in deliveries:
            name = f"{delivery.stored_at.date().isoformat()}{SUFFIX}"
            days.setdefault(name, []).append(_line(delivery))
        for name, lines in days.items():
            files[name] = self._append(name, files.get(name, 0), b"".join(lines))
        old = _older(files)
        files = {name: size for name, size in files.items() if name not in old}
        said = {
            "version": VERSION,
            "sequence": sequence,
            "lost": self._lost + lost,
            "as_of": as_of.isoformat(),
            "files": dict(sorted(files.items())),
        }
        _replace(self._folder / HEAD, json.dumps(said).encode())
        self._files, self._lost, self.sequence = files, self._lost + lost, sequence
        for name in old:
            (self._folder / name).unlink(missing_ok=True)

    def _read_head(self) -> dict[str, Any]:
        path = self._folder / HEAD
        if not path.exists():
            return {"sequence": 0, "lost": 0, "files": {}}
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
            version = found["version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path} cannot be read: {error}") from error
        if version != VERSION:
            raise RecordError(f"{path} is of version {version}, not {VERSION}")
        return found

    def _append(self, name: str, size: int, data: bytes) -> int:
        path = self._folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, READABLE)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(size)
            file.seek(size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return size + len(data)


def _line(delivery: Delivery) -> bytes:
    said = {
        "sequence": delivery.sequence,
        "stored_at": delivery.stored_at.isoformat(),
        "source": source_of(delivery.subject),
        "sha256": sha256(delivery.body).hexdigest(),
        # As text, so that whoever reads can hash the very bytes again.
        "event": delivery.body.decode("utf-8", "replace"),
    }
    return json.dumps(said).encode() + b"\n"


def _older(files: dict[str, int]) -> set[str]:
    """The files of days that are too long before the newest."""
    days = {name: date.fromisoformat(name.removesuffix(SUFFIX)) for name in files}
    if not days:
        return set()
    first = max(days.values()) - timedelta(days=KEPT_DAYS)
    return {name for name, day in days.items() if day < first}


def _replace(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, READABLE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
