"""Gates: which events belong together, as a pure state machine per gate and key.

This module is the definition of the semantics; any other `Correlator` must agree with it
(``tests/unit/policy/test_correlator.py``). It never sees a payload: only the name of a
gate, a key, the numbers of the parts that an event matched, and a time.

Rules that hold for every kind:

* Time is the engine's (`Mark.at`), never the sender's, and never runs backwards within a gate.
* Two moments belong together when they are at most `within` apart (inclusive).
* At most `max_pending` keys wait. One more, and the key that was touched least recently is given
  up, with a record of it. Within each kind that is also the key that would expire first.

| kind   | waits for                        | completes                       | then           |
|--------|----------------------------------|---------------------------------|----------------|
| all    | the newest match of each part    | when the last missing part came | starts afresh  |
| any    | any part                         | at the first match              | sleeps `within`|
| count  | `times` matches of its part      | at the last of them             | starts afresh  |
| absent | its part, since an `after`       | when `within` passed without it | starts afresh  |

A second `after` does not move the deadline of the first, or an alarm could be put off for ever.

The state is immutable. Keys lie in buckets by a hash that is the same in every process, so that
one more event copies one bucket, not the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, assert_never
from zlib import crc32

import msgspec
from msgspec import Struct

from lotabots.model.fleet import GateKind

if TYPE_CHECKING:
    from collections.abc import Iterator


class GateSpec(Struct, frozen=True):
    """What a correlator must know of a gate. `within` is microseconds.

    For an `absent` gate part 0 is what must not come, and part 1 is the ``after``.
    """

    name: str
    kind: GateKind
    parts: int
    times: int
    within: int
    max_pending: int


class Mark(Struct, frozen=True, gc=False):
    """An event as a correlator sees it: it matched `parts` (ascending) of a gate for `key`.

    `at` is microseconds since 1970. `copies` are values to be handed on when the gate completes,
    as JSON text; a correlator does not look into them.
    """

    key: str
    parts: tuple[int, ...]
    at: int
    event_id: str = ""
    copies: tuple[str, ...] = ()
    hops: int = 0


class Seen(Struct, frozen=True, gc=False):
    """A match that a gate remembers."""

    part: int
    at: int
    event_id: str
    copies: tuple[str, ...]
    hops: int


class Pending(Struct, frozen=True, gc=False):
    """What a gate knows of one key; `touched` orders the keys of a gate by their last change."""

    touched: int
    at: int
    seen: tuple[Seen, ...]


class GateState(Struct, frozen=True):
    """All keys of one gate. `spec` tells whether the gate is still the one that was stored."""

    spec: GateSpec
    buckets: tuple[Mapping[str, Pending], ...]
    size: int = 0
    clock: int = 0
    serial: int = 0


class Match(Struct, frozen=True):
    """A gate is complete for `key`; `seen` are the matches that completed it, by part and time."""

    gate: str
    key: str
    at: int
    seen: tuple[Seen, ...]


class Dropped(Struct, frozen=True):
    """A gate gave up a key that was not complete."""

    gate: str
    key: str
    reason: str
    seen: tuple[Seen, ...]


class Correlator(Protocol):
    """The port. An implementation may keep its state anywhere, but must give these answers."""

    def feed(self, gate: str, mark: Mark) -> tuple[Match, ...]:
        """The matches that `mark` completes; also one that was overdue for its key."""
        ...

    def advance(self, now: int) -> tuple[Match, ...]:
        """The matches that are due at `now` (microseconds): `absent` gates only."""
        ...


class Fed(NamedTuple):
    """What one mark did. `seen` is what the key has now, `satisfied` that it had enough before."""

    state: GateState
    matches: tuple[Match, ...]
    seen: tuple[Seen, ...]
    satisfied: bool
    dropped: tuple[Dropped, ...]


def empty(spec: GateSpec) -> GateState:
    """A gate that waits for nothing. About as many buckets as keys in each of them."""
    return GateState(spec, ({},) * (1 << (spec.max_pending.bit_length() + 1) // 2))


def feed(state: GateState, mark: Mark) -> Fed:
    """The gate after `mark`."""
    spec = state.spec
    number = crc32(mark.key.encode()) % len(state.buckets)
    bucket = state.buckets[number]
    before = bucket.get(mark.key)
    at = max(mark.at, state.clock)
    matches, seen, satisfied = _STEPS[spec.kind](spec, before, mark, at)
    if seen == (before.seen if before else ()):
        state = GateState(spec, state.buckets, state.size, at, state.serial)
        return Fed(state, matches, seen, satisfied, ())
    dropped: tuple[Dropped, ...] = ()
    if seen and before is None and state.size >= spec.max_pending:
        state, dropped = _without_oldest(state)
        bucket = state.buckets[number]
    pending = Pending(state.serial, seen[0].at if _fixed(spec) else at, seen) if seen else None
    return Fed(
        _with(state, number, key=mark.key, pending=pending, at=at),
        matches,
        seen,
        satisfied,
        dropped,
    )


def advance(state: GateState, now: int) -> tuple[GateState, tuple[Match, ...], tuple[Dropped, ...]]:
    """The gate at `now`: overdue `absent` keys complete, others that can no longer are dropped.

    The order of what is returned is the order in which the keys were last touched.
    """
    overdue = sorted(_overdue(state, now), key=lambda entry: entry[1].touched)
    if not overdue:
        return state, (), ()
    spec = state.spec
    gone = {key for key, _ in overdue}
    buckets = tuple(
        {k: p for k, p in b.items() if k not in gone} if not gone.isdisjoint(b) else b
        for b in state.buckets
    )
    state = GateState(spec, buckets, state.size - len(overdue), state.clock, state.serial)
    if spec.kind is GateKind.ABSENT:
        return state, tuple(_due(spec, key, pending.seen) for key, pending in overdue), ()
    if spec.kind is GateKind.ANY:  # only the sleep after a match ends: nothing is lost
        return state, (), ()
    return state, (), tuple(Dropped(spec.name, k, "expired", p.seen) for k, p in overdue)


def pending(state: GateState) -> tuple[tuple[str, Pending], ...]:
    """Every key with what is known of it, least recently touched first."""
    entries = (entry for bucket in state.buckets for entry in bucket.items())
    return tuple(sorted(entries, key=lambda entry: entry[1].touched))


def gate_to_json(state: GateState) -> dict[str, Any]:
    """`state` as plain JSON data, independent of how it lies in buckets."""
    return {
        "spec": msgspec.to_builtins(state.spec),
        "clock": state.clock,
        "serial": state.serial,
        "pending": [[key, msgspec.to_builtins(value)] for key, value in pending(state)],
    }


def gate_from_json(data: Any) -> GateState:  # noqa: ANN401 - JSON of unknown shape is the point
    """The gate that `data` describes.

    Raises:
        msgspec.ValidationError: `data` is not what `gate_to_json` gives.
    """
    form = msgspec.convert(data, _Form)
    buckets: list[dict[str, Pending]] = [{} for _ in empty(form.spec).buckets]
    for key, value in form.pending:
        buckets[crc32(key.encode()) % len(buckets)][key] = value
    return GateState(form.spec, tuple(buckets), len(form.pending), form.clock, form.serial)


class PythonCorrelator:
    """The `Correlator` of this module: holds the states of its gates and nothing else."""

    def __init__(self, specs: tuple[GateSpec, ...]) -> None:
        self.states = {spec.name: empty(spec) for spec in sorted(specs, key=lambda s: s.name)}

    def feed(self, gate: str, mark: Mark) -> tuple[Match, ...]:
        """See `Correlator`."""
        fed = feed(self.states[gate], mark)
        self.states[gate] = fed.state
        return fed.matches

    def advance(self, now: int) -> tuple[Match, ...]:
        """See `Correlator`."""
        found: list[Match] = []
        for name, state in self.states.items():
            self.states[name], matches, _ = advance(state, now)
            found.extend(matches)
        return tuple(found)


class _Form(Struct, forbid_unknown_fields=True):
    spec: GateSpec
    clock: int
    serial: int
    pending: list[tuple[str, Pending]]


_Stepped = tuple[tuple[Match, ...], tuple[Seen, ...], bool]


def _step_all(spec: GateSpec, before: Pending | None, mark: Mark, at: int) -> _Stepped:
    fresh = _fresh(before, at - spec.within)
    kept = [seen for seen in fresh if seen.part not in mark.parts]
    seen = tuple(sorted((*kept, *_seen(mark, at)), key=_by_part))
    if len(seen) < spec.parts:
        return (), seen, False
    return (Match(spec.name, mark.key, at, seen),), (), False


def _step_any(spec: GateSpec, before: Pending | None, mark: Mark, at: int) -> _Stepped:
    asleep = _fresh(before, at - spec.within)
    if asleep:
        return (), asleep, True
    seen = _seen(mark, at)[:1]
    return (Match(spec.name, mark.key, at, seen),), seen, False


def _step_count(spec: GateSpec, before: Pending | None, mark: Mark, at: int) -> _Stepped:
    seen = (*_fresh(before, at - spec.within), *_seen(mark, at))
    if len(seen) < spec.times:
        return (), seen, False
    return (Match(spec.name, mark.key, at, seen),), (), False


def _step_absent(spec: GateSpec, before: Pending | None, mark: Mark, at: int) -> _Stepped:
    open_since = _fresh(before, at - spec.within)
    late = (_due(spec, mark.key, before.seen),) if before and not open_since else ()
    closed = bool(mark.parts) and mark.parts[0] == 0
    if closed:
        open_since = ()
    if 1 in mark.parts and not open_since:
        open_since = _seen(mark, at)[-1:]
    return late, open_since, closed


_STEPS = {
    GateKind.ALL: _step_all,
    GateKind.ANY: _step_any,
    GateKind.COUNT: _step_count,
    GateKind.ABSENT: _step_absent,
}


def _fresh(before: Pending | None, oldest: int) -> tuple[Seen, ...]:
    if before is None:
        return ()
    if before.seen[0].at >= oldest and len(before.seen) == 1:
        return before.seen
    return tuple(seen for seen in before.seen if seen.at >= oldest)


def _seen(mark: Mark, at: int) -> tuple[Seen, ...]:
    return tuple(Seen(part, at, mark.event_id, mark.copies, mark.hops) for part in mark.parts)


def _by_part(seen: Seen) -> int:
    return seen.part


def _due(spec: GateSpec, key: str, seen: tuple[Seen, ...]) -> Match:
    return Match(spec.name, key, seen[0].at + spec.within, seen)


def _fixed(spec: GateSpec) -> bool:
    """Whether the time that counts is that of the first match, not of the last."""
    match spec.kind:
        case GateKind.ANY | GateKind.ABSENT:
            return True
        case GateKind.ALL | GateKind.COUNT:
            return False
        case _:
            assert_never(spec.kind)


def _with(
    state: GateState, number: int, *, key: str, pending: Pending | None, at: int
) -> GateState:
    bucket = dict(state.buckets[number])
    size = state.size - (bucket.pop(key, None) is not None)
    if pending is not None:
        bucket[key] = pending  # at the end: a bucket is in the order of `touched`
        size += 1
    buckets = (*state.buckets[:number], bucket, *state.buckets[number + 1 :])
    return GateState(state.spec, buckets, size, at, state.serial + 1)


def _without_oldest(state: GateState) -> tuple[GateState, tuple[Dropped, ...]]:
    firsts = [(next(iter(b.values())).touched, n) for n, b in enumerate(state.buckets) if b]
    number = min(firsts)[1]
    key, oldest = next(iter(state.buckets[number].items()))
    state = _with(state, number, key=key, pending=None, at=state.clock)
    return state, (Dropped(state.spec.name, key, "full", oldest.seen),)


def _overdue(state: GateState, now: int) -> Iterator[tuple[str, Pending]]:
    oldest = now - state.spec.within
    for bucket in state.buckets:
        for key, value in bucket.items():
            if value.at >= oldest:
                break  # a bucket is in the order of `touched`, and so of `at`
            yield key, value
