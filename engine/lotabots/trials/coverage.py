"""Which rules the tests have asked: every trigger, gate part, gate and boundary of the fleet.

A trigger or part with a condition counts twice: an event has to pass it, and one to fail it. A
boundary counts when it has refused something, which in a sound fleet only a claim brings about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.condition.translate import HOLDS
from lotabots.model.envelope import decode_envelope
from lotabots.model.names import SCHEDULE_TICK
from lotabots.policy.conditions import Condition, Conditions
from lotabots.policy.decide import EventFacts
from lotabots.policy.decision import Dispatch, Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.diagnostics.span import Span
    from lotabots.graph.nodes import Start
    from lotabots.policy.decision import Verdict
    from lotabots.trials.judging import Happened
    from lotabots.trials.run import Bench, Ran


class Point(NamedTuple):
    """Something that a rule can do. `owner` is a bot or a gate; `what` is for people."""

    owner: str
    what: str
    span: Span


class Coverage(NamedTuple):
    """All points, and those that the tests reached; in the order of owners and of their files."""

    points: tuple[Point, ...]
    reached: frozenset[Point]

    @property
    def missed(self) -> tuple[Point, ...]:
        """The points that no test reached."""
        return tuple(point for point in self.points if point not in self.reached)

    @property
    def percent(self) -> float:
        """The share that was reached, in percent; of nothing, all."""
        return 100 * len(self.reached) / len(self.points) if self.points else 100.0


def coverage(on: Bench, ran: Iterable[Ran]) -> Coverage:
    """What the tests in `ran` have asked of the fleet on the bench."""
    points = tuple(sorted(_points(on), key=lambda p: (p.owner, p.span, p.what)))
    asker = _Asker(on)
    reached = {point for one in ran for each in one.happened for point in asker.reached(each)}
    return Coverage(points, frozenset(reached.intersection(points)))


def _points(on: Bench) -> Iterator[Point]:
    for start in on.law.graph.starts:
        yield _passed(start)
        if start.rule.when:
            yield _failed(start)
    for target, gate in on.law.graph.gates.items():
        yield Point(target, "is complete", gate.span)
    for bot in on.fleet.bots:
        for boundary in bot.boundaries:
            yield Point(bot.name, f"denies `{boundary.deny}`", boundary.span)


def _passed(start: Start) -> Point:
    if start.action is None:
        return Point(start.node, f"takes `{start.rule.pattern}`", start.rule.span)
    by = "its schedule" if start.scheduled else f"`{start.rule.pattern}`"
    return Point(start.node, f"does `{start.action.name}` by {by}", start.rule.span)


def _failed(start: Start) -> Point:
    return Point(start.node, f"refuses a `{start.rule.pattern}` by its condition", start.rule.span)


class _Asker:
    """Asks the conditions again that an event met, each by itself."""

    def __init__(self, on: Bench) -> None:
        self._on = on
        self._conditions = Conditions()

    def reached(self, happened: Happened) -> Iterator[Point]:
        """The points that an event, a silence or a claim reached."""
        graph = self._on.law.graph
        verdicts = {verdict.target: verdict for verdict in happened.verdicts}
        for target, verdict in verdicts.items():
            if isinstance(verdict, Dispatch) and target in graph.gates:
                yield Point(target, "is complete", graph.gates[target].span)
            if isinstance(verdict, Reject) and verdict.rule.kind == "boundary":
                yield from self._boundary(verdict)
        if happened.raw and "" not in verdicts:
            yield from self._starts(happened, verdicts)

    def _boundary(self, verdict: Reject) -> Iterator[Point]:
        for boundary in self._on.law.graph.bots[verdict.target].boundaries:
            if boundary.span == verdict.rule.span:
                yield Point(verdict.target, f"denies `{boundary.deny}`", boundary.span)

    def _starts(self, happened: Happened, verdicts: dict[str, Verdict]) -> Iterator[Point]:
        graph = self._on.law.graph
        event = decode_envelope(happened.raw)
        source, settled = happened.stamp.source, set[str]()
        if event.type == SCHEDULE_TICK:
            yield from self._ticked(verdicts)
        facts = EventFacts(event.priority, happened.stamp.attempt, happened.stamp.hops)
        payload = self._on.policy.events[event.type].reader.read(event.payload)
        for number in graph.consumers.get(event.type, ()):
            start = graph.starts[number]
            verdict = verdicts.get(start.node)
            if verdict is None or start.node in settled or not start.accepts(source):
                continue
            if event.destination not in ("*", start.node) and start.node in graph.bots:
                continue
            if not self._holds(start, event.type, payload, facts):
                yield _failed(start)
            elif start.node in graph.gates:
                yield _passed(start)
            else:  # the first trigger that holds decides
                settled.add(start.node)
                if isinstance(verdict, Dispatch):
                    yield _passed(start)

    def _holds(self, start: Start, event: str, payload: object, facts: EventFacts) -> bool:
        found = self._conditions.get(start.rule.when, self._on.fleet.events[event].payload)
        return not isinstance(found, Condition) or found.holds(payload, facts) == HOLDS

    def _ticked(self, verdicts: dict[str, Verdict]) -> Iterator[Point]:
        for start in self._on.law.graph.starts:
            verdict = verdicts.get(start.node)
            did = start.scheduled and isinstance(verdict, Dispatch)
            if did and verdict and start.rule.at("when") == verdict.rule.span:
                yield _passed(start)
