"""Messages of a stream, as the server delivers them and as it answers look-ups."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lotabots.runtime.ports import Delivery, Stored

if TYPE_CHECKING:
    from nats.aio.msg import Msg

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def delivery_of(message: Msg) -> Delivery:
    """A delivery, its place read from the reply subject (ADR-15 of nats-architecture).

    ``$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>``; the
    newer form has a domain and an account hash after ``ACK``.
    """
    tokens = message.reply.split(".")
    shift = 2 if len(tokens) > 9 else 0  # noqa: PLR2004 - see above
    stream, delivered, sequence, stored = (tokens[i + shift] for i in (2, 4, 5, 7))
    return Delivery(
        message.subject,
        message.data,
        message.headers or {},
        stream,
        int(sequence),
        int(delivered),
        EPOCH + timedelta(microseconds=int(stored) // 1000),
        message.reply,
    )


def stored_of(message: dict[str, Any]) -> Stored:
    """The message in an answer of JetStream."""
    headers = base64.b64decode(message.get("hdrs", "")).decode("utf-8", "replace")
    pairs = (line.partition(":") for line in headers.split("\r\n")[1:] if line)
    return Stored(
        message["subject"],
        base64.b64decode(message.get("data", "")),
        {name: value.strip() for name, _, value in pairs},
        message["seq"],
        # To the microsecond below, as `delivery_of` does: msgspec would round, to another time.
        msgspec.convert(_FINER.sub(r"\1", message["time"]), datetime),
    )


_FINER: Final = re.compile(r"(\.\d{6})\d+", re.ASCII)
