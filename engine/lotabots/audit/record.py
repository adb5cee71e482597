"""The leaves of the log: one canonical JSON text for each thing that happened.

A leaf holds the whole record where it fits, always its hash, and never a payload: decisions,
attempts and outcomes name events and artifacts by id and digest.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lotabots.audit.tiles import MAX_ENTRY
from lotabots.model.envelope import MAX_DEPTH, depth
from lotabots.policy.payload import DECODE_ERRORS

if TYPE_CHECKING:
    from datetime import datetime

_ROOM: Final = 1024
"""Bytes of a leaf that are not the record."""


def leaf(sequence: int, at: datetime, *, subject: str, origin: str, body: bytes) -> bytes:
    """The leaf for a record: `sequence` in the audit stream, `origin` the stream it came from.

    Whatever `body` is, there is a leaf: `record` is null for what is not JSON (or JSON nested
    deeper than any of ours), and missing for what is too long. Numbers keep all their digits.
    """
    said: dict[str, Any] = {
        "at": at.isoformat(),
        "origin": origin,
        "seq": sequence,
        "sha256": sha256(body).hexdigest(),
        "subject": subject,
    }
    if len(body) <= MAX_ENTRY - _ROOM:
        said["record"] = _value(body)
    text = _ENCODER.encode(said)
    if len(text) > MAX_ENTRY:  # escapes can make the record longer than it came
        del said["record"]
        text = _ENCODER.encode(said)
    return text


def sequence_of(entry: bytes) -> int:
    """The sequence number that a leaf carries; -1 if it is not one of ours."""
    try:
        return _NUMBERED.decode(entry).seq
    except DECODE_ERRORS:
        return -1


class _Numbered(msgspec.Struct):
    seq: int


def _value(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    if depth(body) > MAX_DEPTH:
        return None
    try:
        return _DECODER.decode(body)
    except DECODE_ERRORS:
        return None


_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_NUMBERED: Final = msgspec.json.Decoder(_Numbered)
