"""Decide a story: events one after the other, each seeing the state that the last one left.

Events that complete gates emit are decided too, right after the event that completed them, as
the engine would. No job is run: a story shows what would happen, and why.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Raw, Struct

from lotabots.model.envelope import MalformedError, Stamp, decode_envelope
from lotabots.policy.cascade import event_of
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Decision, EmitEvent
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.policy.compile import Policy


class Told(Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "as"}):
    """An event of a story: the envelope, who really sent it (`as`), when it came, and a note.

    The bare envelope is a `Told` too: sent by whom it says, at the time it says.
    """

    envelope: Raw
    source: str = ""
    at: datetime | None = None
    note: str = ""


class Scene(NamedTuple):
    """One decided event. `cause` is the scene whose gate emitted it, None for told events."""

    raw: bytes
    stamp: Stamp
    decision: Decision
    note: str = ""
    cause: int | None = None


def read_told(raw: bytes) -> Told:
    """The event of a story that the text of a file is; any other text is told as it stands."""
    try:
        return msgspec.json.decode(raw, type=Told)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Told(Raw(raw))


def tell(policy: Policy, story: Iterable[Told], *, now: datetime) -> Iterator[Scene]:
    """Decide every event of `story`; `now` is for those that say no readable time themselves."""
    state = State()
    number = 0
    for told in story:
        raw = bytes(told.envelope)
        todo: list[tuple[bytes, Stamp, int | None]] = [(raw, _stamp(told, now), None)]
        note = told.note
        while todo:  # the policy's hop limit ends any cascade of gates
            raw, stamp, cause = todo.pop(0)
            step = decide_bytes(policy, state, raw, stamp, stamp.received)
            state = step.state
            yield Scene(raw, stamp, step.decision, note, cause)
            emitted = [effect for effect in step.effects if isinstance(effect, EmitEvent)]
            todo += [(*event_of(effect, stamp.received), number) for effect in emitted]
            note = ""
            number += 1


def _stamp(told: Told, now: datetime) -> Stamp:
    try:
        envelope = decode_envelope(bytes(told.envelope))
    except MalformedError:
        return Stamp(source=told.source, received=told.at or now)
    return Stamp(source=told.source or envelope.source, received=told.at or envelope.timestamp)
