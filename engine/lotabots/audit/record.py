"""The leaves of the log: one canonical JSON text for each thing that happened.

A leaf holds the whole record where it fits, always its hash, and never a payload: decisions,
attempts and outcomes name events and artifacts by id and digest.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from lotabots.audit.tiles import MAX_ENTRY

if TYPE_CHECKING:
    from datetime import datetime

_ROOM: Final = 1024
"""Bytes of a leaf that are not the record."""


def leaf(sequence: int, at: datetime, *, subject: str, origin: str, body: bytes) -> bytes:
    """The leaf for a record: `sequence` in the audit stream, `origin` the stream it came from."""
    said: dict[str, Any] = {
        "at": at.isoformat(),
        "origin": origin,
        "seq": sequence,
        "sha256": sha256(body).hexdigest(),
        "subject": subject,
    }
    if len(body) <= MAX_ENTRY - _ROOM:
        try:
            said["record"] = json.loads(body)
        except ValueError:
            said["record"] = None
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) > MAX_ENTRY:  # escapes can make the record longer than it came
        del said["record"]
        text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return text
