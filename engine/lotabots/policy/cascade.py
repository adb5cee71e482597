"""The event of a complete gate, as a story without a service tells it on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Raw

from lotabots.model.envelope import Envelope, Stamp, encode_envelope

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.policy.decision import EmitEvent


def event_of(effect: EmitEvent, now: datetime) -> tuple[bytes, Stamp]:
    """The event that `effect` publishes; its id depends on nothing but what led to it."""
    seed = "\0".join((effect.source, effect.type, effect.key, *effect.causes))
    envelope = Envelope(
        id=hashlib.sha256(seed.encode()).hexdigest()[:32],
        timestamp=now,
        source=effect.source,
        type=effect.type,
        payload=Raw(effect.payload.encode()),
    )
    cause = effect.causes[-1] if effect.causes else ""
    return encode_envelope(envelope), Stamp(effect.source, now, effect.hops, causation_id=cause)
