"""The bytes of a step's event: what the test says, and the plainest value for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lotabots.condition.example import example
from lotabots.model.codec.written import meant
from lotabots.model.envelope import ANYONE, Stamp
from lotabots.model.event import ListType, ObjectType
from lotabots.policy.moment import span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lotabots.model.event import EventType, PayloadType
    from lotabots.model.sent import Sent
    from lotabots.model.trial import EventStep
    from lotabots.syntax import nodes


def sending(
    step: EventStep,
    sent: Sent,
    events: Mapping[str, EventType],
    *,
    name: str,
    now: datetime,
) -> tuple[bytes, Stamp]:
    """The event that `step` sends at `now`, as its sender and the engine would write it."""
    kind = events.get(sent.type)
    envelope = {
        "id": name,
        "timestamp": now - span(step.age),
        "source": step.signed or sent.source,
        "destination": sent.destination or ANYONE,
        "type": sent.type,
        "payload": filled(kind.payload if kind else None, sent.payload),
        "priority": sent.priority,
    }
    stamp = Stamp(sent.source, now, hops=step.hops, attempt=step.attempt)
    return _ENCODER.encode(envelope), stamp


def filled(kind: ObjectType | None, given: nodes.Mapping | None) -> dict[str, Any]:
    """The members `given`, and the plainest valid value for those that are required."""
    members = meant(given, kind) if given else {}
    return _filled(kind, members) if kind else members


def _filled(kind: PayloadType, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(kind, ListType) and isinstance(value, list):
        return [_filled(kind.item, one) for one in value]
    if not isinstance(kind, ObjectType) or not isinstance(value, dict):
        return value
    plainest = example(kind, {})
    members = dict(plainest) if isinstance(plainest, dict) else {}
    for name, one in value.items():
        field = kind.field(name)
        members[name] = _filled(field.type, one) if field else one
    return members


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
