"""Which starts an event may set off: an index, so that nothing scans all pairs.

Targets that the source names (`outputs:`) are looked up by (target, event). The event of a gate
goes to everybody; there the consumers are told apart by the field that most of their conditions
pin to a constant (``payload.service == "billing"``) before any condition is analysed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lotabots.graph.nodes import Start, patterns_meet
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lotabots.graph.feasibility import Feasibility
    from lotabots.graph.nodes import Constant
    from lotabots.model.event import EventType


class _Bucket(NamedTuple):
    """Starts of one event, by what they ask of it.

    First by the node that their ``from:`` names; those without one by the constant that their
    condition asks of the field at `path`.
    """

    by_source: Mapping[str, tuple[int, ...]]
    path: str
    by_constant: Mapping[tuple[type, Constant], tuple[int, ...]]
    others: tuple[int, ...]


class Consumers:
    """The starts of a fleet, indexed by event type. Never changes after construction."""

    def __init__(
        self,
        starts: tuple[Start, ...],
        events: Mapping[str, EventType],
        feasibility: Feasibility,
    ) -> None:
        self.starts = starts
        self.feasibility = feasibility
        self._names = sorted(events)
        self._expanded: dict[str, tuple[str, ...]] = {}
        patterns = ["" if start.scheduled else start.rule.pattern for start in starts]
        self.awaited = tuple(self.events_of(p) if p else () for p in patterns)
        self.by_event = _by_event(patterns, self.awaited)
        self._by_target = _by_target(starts, self.by_event)
        self._buckets: dict[str, _Bucket] = {}

    def events_of(self, pattern: str) -> tuple[str, ...]:
        """The event types of the catalogue that `pattern` matches, by name."""
        if pattern not in self._expanded:
            self._expanded[pattern] = tuple(_expand(pattern, self._names))
        return self._expanded[pattern]

    def of(
        self,
        source: str,
        event: str,
        *,
        fixed: Mapping[str, Constant],
        targets: Iterable[str] | None,
    ) -> Iterator[int]:
        """Starts that `event` of the node `source` may set off at `targets` (None = anywhere)."""
        if targets is None:
            candidates: Iterable[int] = self._anywhere(source, event, fixed=fixed)
        else:
            candidates = (s for t in targets for s in self._by_target.get((t, event), ()))
        for number in candidates:
            start = self.starts[number]
            if start.accepts(source) and self.feasibility.possible(
                start.rule.when, event, fixed=fixed
            ):
                yield number

    def from_outside(self, event: str, sources: tuple[str, ...]) -> Iterator[int]:
        """Starts that `event` of a source outside the fleet may set off."""
        for number in self.by_event.get(event, ()):
            rule = self.starts[number].rule
            wanted = not rule.source or any(patterns_meet(rule.source, s) for s in sources)
            if wanted and self.feasibility.possible(rule.when, event):
                yield number

    def _anywhere(self, source: str, event: str, *, fixed: Mapping[str, Constant]) -> Iterator[int]:
        starts = self.by_event.get(event, ())
        if not starts:
            return
        if event not in self._buckets:
            self._buckets[event] = self._bucket(starts)
        bucket = self._buckets[event]
        yield from bucket.by_source.get(source, ())
        yield from bucket.others
        if bucket.path in fixed:
            value = fixed[bucket.path]
            yield from bucket.by_constant.get((type(value), value), ())
        else:
            for those in bucket.by_constant.values():
                yield from those

    def _bucket(self, starts: tuple[int, ...]) -> _Bucket:
        by_source: dict[str, list[int]] = defaultdict(list)
        constants: dict[int, Mapping[str, Constant]] = {}
        for number in starts:
            rule = self.starts[number].rule
            if rule.source and "*" not in rule.source:
                by_source[rule.source].append(number)
            else:
                constants[number] = self.feasibility.constants(rule.when)
        used = Counter(path for known in constants.values() for path in known)
        path = min(used, key=lambda p: (-used[p], p)) if used else ""
        found: dict[tuple[type, Constant], list[int]] = defaultdict(list)
        for number, known in constants.items():
            if path in known:
                found[type(known[path]), known[path]].append(number)
        return _Bucket(
            {source: tuple(those) for source, those in by_source.items()},
            path,
            {value: tuple(those) for value, those in found.items()},
            tuple(number for number, known in constants.items() if path not in known),
        )


def _by_event(
    patterns: list[str], awaited: tuple[tuple[str, ...], ...]
) -> dict[str, tuple[int, ...]]:
    """Event type -> starts. A plain name that the catalogue does not know is there, too."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, (pattern, events) in enumerate(zip(patterns, awaited, strict=True)):
        for event in events or (() if "*" in pattern else (pattern,)):
            found[event].append(number)
    found.pop("", None)
    return {event: tuple(numbers) for event, numbers in found.items()}


def _expand(pattern: str, names: list[str]) -> Iterator[str]:
    """The names that `pattern` matches. `names` are sorted, so a literal head is a range."""
    head = pattern.split("*", 1)[0]
    for name in names[bisect_left(names, head) :]:
        if not name.startswith(head) or (head == pattern and name != pattern):
            return
        if head == pattern or matches(pattern, name):
            yield name


def _by_target(
    starts: tuple[Start, ...], by_event: Mapping[str, tuple[int, ...]]
) -> dict[tuple[str, str], tuple[int, ...]]:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event, numbers in by_event.items():
        for number in numbers:
            found[starts[number].node, event].append(number)
    return {key: tuple(numbers) for key, numbers in found.items()}
