"""The envelope: what a sender says, and the stamp: what the engine knows.

The envelope is the seed's JSON, field for field, read strictly: an unknown member, a missing one,
a time without a zone is refused. Its `payload` stays raw until the event type is known. Nothing a
sender writes here is believed where the engine can know better: `Stamp.source` is the account the
broker let publish, and policy uses only that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

MAX_EVENT: Final = 256 * 1024
"""Largest event, in bytes, that is looked at."""

MAX_DEPTH: Final = 32
"""How deep objects and lists may be nested in an event."""

TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"

ANYONE: Final = "*"
"""The destination of an event that is for whoever has a rule for it."""

FreeText = Annotated[str, Meta(min_length=1, max_length=256)]
Moment = Annotated[datetime, Meta(tz=True)]
Priority = Literal["high", "medium", "low"]


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Everything of an envelope but its type and payload. `timestamp` is the sender's clock."""

    id: FreeText
    timestamp: Moment
    source: FreeText
    destination: FreeText = ANYONE
    priority: Priority = "medium"
    correlation_id: FreeText | UnsetType = UNSET


class Envelope(Head, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An event as it was sent; `payload` is JSON text that nobody has looked into yet."""

    type: FreeText
    payload: Raw


read_envelope: Final = msgspec.json.Decoder(Envelope).decode
"""`decode_envelope` without its limits and with the decoder's own errors, for `policy.decide`."""


class Stamp(Struct, frozen=True, gc=False):
    """What the engine itself knows of an event; no sender can write any of it.

    `source` comes from the broker's account, `received` from the engine's clock. `hops` counts
    the events that led here, `attempt` the runs so far (1 = first). `duplicate` is the decision
    store's word that an event of the same source and id was decided before.
    """

    source: str
    received: datetime
    hops: int = 0
    attempt: int = 1
    causation_id: str = ""
    duplicate: bool = False


class Event(Struct, frozen=True, gc=False):
    """An envelope with the stamp the engine put on it."""

    envelope: Envelope
    stamp: Stamp


class MalformedError(ValueError):
    """The bytes are not an envelope; the text says why."""


def decode_envelope(raw: bytes) -> Envelope:
    """The envelope that `raw` is.

    Raises:
        MalformedError: `raw` is too large, not UTF-8, not JSON, too deep, or not an envelope.
    """
    if len(raw) > MAX_EVENT:
        raise MalformedError(f"{len(raw)} bytes, {MAX_EVENT} are allowed")
    if depth(raw) > MAX_DEPTH:
        raise MalformedError(TOO_DEEP)
    try:
        return read_envelope(raw)
    except (ValueError, RecursionError) as error:  # msgspec's and Unicode errors are ValueErrors
        raise MalformedError(reason(error)) from error


def encode_envelope(envelope: Envelope) -> bytes:
    """The JSON text of `envelope`."""
    return _ENCODER.encode(envelope)


def depth(raw: bytes) -> int:
    """How deep brackets are nested in the JSON text `raw`; brackets in strings do not count.

    Text that is not JSON gives some number: the decoder refuses it anyway.
    """
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0  # cannot be too deep, whatever stands in strings
    level = deepest = 0
    quoted = escaped = False
    for byte in raw:
        if quoted:
            quoted, escaped = escaped or byte != _QUOTE, not escaped and byte == _BACKSLASH
        elif byte == _QUOTE:
            quoted = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest


def reason(error: BaseException) -> str:
    """What a decoder's error says, in the words of our messages."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    text = str(error).split(" - at `", 1)
    said = text[0] if text[0].startswith("JSON") else text[0][:1].lower() + text[0][1:]
    return f"`{text[1].rstrip('`')}`: {said}" if len(text) > 1 else said


_QUOTE, _BACKSLASH = b'"\\'
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
