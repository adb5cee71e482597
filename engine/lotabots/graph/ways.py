"""The ways in which something can come about, and whether one of them avoids given events.

A *way* says: if all states it `needs` have come about, its head does, too. An `all` gate needs
each of its parts; everything else needs one event. So the ways are Horn clauses, and what can
come about is their least model (W. Dowling, J. Gallier, "Linear-time algorithms for testing the
satisfiability of propositional Horn formulae", J. Logic Programming 1(3), 1984). To ask whether
every way to a target passes an event, the ways that surely pass it are left out: if the target is
still in the model, its derivation is a way around.

Only what is proved to pass is left out. Whatever the analysis does not follow (the programs of
the bots, the fields that they fill in, constants over more than one bot) makes more ways, never
fewer. So "there is no way around" is a proof.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.condition.verdict import Unknown
from lotabots.graph.carrying import carried_by_bot, carried_by_gate, facts
from lotabots.graph.feasibility import NOTHING
from lotabots.graph.nodes import AFTER, Hop, patterns_meet
from lotabots.model.fleet import GateKind
from lotabots.model.names import SCHEDULE, SCHEDULE_TICK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Constant
    from lotabots.model.fleet import Gate
    from lotabots.model.invariant import Passage

MAX_STATES: Final = 20_000
"""States of one question; with more of them nothing is proved."""


class TooManyStatesError(Exception):
    """The question needs more than `MAX_STATES` states."""


class State(NamedTuple):
    """A vertex, and where its event carries the values of the target: ``""`` = not for sure.

    The event is the one that sets off a start, or the one that a gate emits.
    """

    vertex: int
    carried: tuple[str, ...] = ()


class Way(NamedTuple):
    """`head` comes about by `event` of `source` on which `fixed` is known, once all `needs` have.

    `head` is None for the target itself. For a gate `event` is empty. `missed` is the passage
    that the event does not meet although it is of that type, because `failing` are false or
    because its fields are not surely the `same`; `doubt` says why nobody knows.
    """

    head: State | None
    needs: tuple[State, ...] = ()
    event: str = ""
    source: str = ""
    fixed: Mapping[str, Constant] = NOTHING
    missed: Passage | None = None
    failing: tuple[str, ...] = ()
    doubt: str = ""


class Ways:
    """Questions about one graph. Never changes what it was given."""

    def __init__(self, graph: FleetGraph) -> None:
        self.graph = graph
        self._incoming: dict[int, list[Hop]] = defaultdict(list)
        for hops in graph.hops:
            for hop in hops:
                self._incoming[hop.target].append(hop)
        self._known: dict[tuple[int, str, int], Mapping[str, Constant]] = {}
        self._makers: dict[str, list[Hop]] = defaultdict(list)
        for hop in _emissions(graph):
            self._makers[hop.event].append(hop)

    def to_event(self, event: str, when: str, fields: tuple[str, ...] = ()) -> Iterator[Way]:
        """Each way in which an `event` on which `when` is true comes to be."""
        graph = self.graph
        for source in graph.outside.get(event, ()):
            yield from self._arriving(Way(None, (), event, source), when)
        for hop in self._makers.get(event, ()):
            state = State(hop.source, self._before(hop, fields))
            source = graph.vertices[hop.source]
            yield from self._arriving(Way(None, (state,), event, source, self._facts(hop)), when)

    def to_starts(self, starts: Iterable[int], fields: tuple[str, ...]) -> Iterator[Way]:
        """The ways in which one of `starts` is set off; its own event is part of each of them."""
        for number in starts:
            yield Way(None, (State(number, fields),))

    def taking(self, event: str, when: str) -> Iterator[int]:
        """The starts that an `event` on which `when` is true may set off."""
        graph = self.graph
        if event == SCHEDULE_TICK:
            yield from (number for number, start in enumerate(graph.starts) if start.scheduled)
        for number in graph.consumers.get(event, ()):
            rule = graph.starts[number].rule
            sent = any(_lets_in(rule.source, s) for s in graph.outside.get(event, ()))
            known: list[Mapping[str, Constant]] = [NOTHING] if sent else []
            known += [self._facts(h) for h in self._incoming[number] if h.event == event]
            holding = tuple(text for text in (rule.when, when) if text)
            witness = graph.feasibility.witness
            if any(witness(event, holding, fixed=one) is not None for one in known):
                yield number

    def around(
        self, targets: Sequence[Way], passes: Sequence[Passage], fields: tuple[str, ...]
    ) -> tuple[Way, ...]:
        """A shortest derivation of one of `targets` that does not surely pass one of `passes`.

        Causes come before their effects, the target is last; empty if there is none, which is a
        proof that every way to `targets` passes. `fields` are those that `carried` is about, in
        its order. A derivation without doubts is preferred.

        Raises:
            TooManyStatesError: see `MAX_STATES`.
        """
        ways = [*targets, *self._explored(targets, passes, fields)]
        certain = [way for way in ways if not way.doubt]
        return _derivation(certain) or (_derivation(ways) if len(certain) < len(ways) else ())

    def _facts(self, hop: Hop) -> Mapping[str, Constant]:
        """`facts`, asked once for each hop."""
        key = (hop.source, hop.event, id(hop.made))
        if key not in self._known:
            self._known[key] = facts(self.graph, hop)
        return self._known[key]

    def _arriving(self, way: Way, when: str) -> Iterator[Way]:
        found = self.graph.feasibility.witness(way.event, (when,) if when else (), fixed=way.fixed)
        if isinstance(found, Unknown):
            yield way._replace(doubt=found.reason)
        elif found is not None:
            yield way

    def _before(self, hop: Hop, carried: tuple[str, ...]) -> tuple[str, ...]:
        """Where the state that makes the event of `hop` carries the values; see `State`."""
        if hop.made is None or self.graph.gate_at(hop.source) is not None:
            return carried
        return carried_by_bot(hop.made.set, carried)

    def _explored(
        self, targets: Sequence[Way], passes: Sequence[Passage], fields: tuple[str, ...]
    ) -> list[Way]:
        """Every way to what `targets` need, and to what those need, and so on."""
        judge = _Passages(self.graph, passes, fields)
        todo = deque(state for way in targets for state in way.needs)
        seen = set(todo)
        found: list[Way] = []
        while todo:
            for way in self._ways_to(todo.popleft(), judge):
                found.append(way)
                new = [state for state in way.needs if state not in seen]
                seen.update(new)
                todo.extend(new)
            if len(seen) > MAX_STATES:
                raise TooManyStatesError
        return found

    def _ways_to(self, state: State, judge: _Passages) -> Iterator[Way]:
        graph = self.graph
        gate = graph.gate_at(state.vertex)
        if gate is not None:
            yield from self._gate_ways(state, gate)
            return
        start = graph.starts[state.vertex]
        if state.vertex in graph.flawed:
            return
        if start.scheduled:
            yield from judge.judged(Way(state, (), SCHEDULE_TICK, SCHEDULE), "")
        for event in graph.awaited[state.vertex]:
            sources = graph.outside.get(event, ())
            wanted = [s for s in sources if _lets_in(start.rule.source, s)]
            for source in wanted[:1]:
                yield from judge.judged(Way(state, (), event, source), start.rule.when)
        for hop in self._incoming[state.vertex]:
            need = State(hop.source, self._before(hop, state.carried))
            source = graph.vertices[hop.source]
            way = Way(state, (need,), hop.event, source, self._facts(hop))
            yield from judge.judged(way, start.rule.when)

    def _gate_ways(self, state: State, gate: Gate) -> Iterator[Way]:
        graph = self.graph
        needs = []
        for number in graph.starts_of.get(graph.vertices[state.vertex], ()):
            start = graph.starts[number]
            if gate.kind is not GateKind.ABSENT or start.number == AFTER:
                part = gate.after if start.number == AFTER else gate.parts[start.number]
                name = part.name if part is not None else ""
                needs.append(State(number, carried_by_gate(gate, state.carried, name)))
        if gate.kind is GateKind.ALL:
            yield Way(state, tuple(needs))
        else:
            yield from (Way(state, (need,)) for need in needs)


class _Passages:
    """Which events pass, and which only look like it."""

    def __init__(
        self, graph: FleetGraph, passes: Sequence[Passage], fields: tuple[str, ...]
    ) -> None:
        self._feasibility = graph.feasibility
        self._places = {field: number for number, field in enumerate(fields)}
        self._of: dict[str, list[Passage]] = defaultdict(list)
        for passage in passes:
            self._of[passage.event].append(passage)

    def judged(self, way: Way, when: str) -> Iterator[Way]:
        """`way` as a way around, unless every event by which it goes is known to pass."""
        here = self._of.get(way.event, ())
        counted = [one for one in here if self._same(one, way)]
        if any(not one.when for one in counted):
            return
        missed = here[0] if here else None
        failing = tuple(one.when for one in counted)
        if not failing:
            if self._feasibility.possible(when, way.event, fixed=way.fixed):
                yield way._replace(missed=missed)
            return
        found = self._feasibility.witness(
            way.event, (when,) if when else (), failing=failing, fixed=way.fixed
        )
        if isinstance(found, Unknown):
            yield way._replace(missed=missed, failing=failing, doubt=found.reason)
        elif found is not None:
            yield way._replace(missed=missed, failing=failing)

    def _same(self, passage: Passage, way: Way) -> bool:
        """Whether the event has the target's values in the fields that `passage` names."""
        carried = way.head.carried if way.head is not None else ()
        return all(carried[self._places[field]] == field for field in passage.same)


def _emissions(graph: FleetGraph) -> Iterator[Hop]:
    """Everything that is made, as hops to nowhere."""
    for number, start in enumerate(graph.starts):
        for emission in start.action.emits if start.action and number not in graph.flawed else ():
            yield Hop(number, emission.type, -1, emission)
    for vertex in range(len(graph.starts), len(graph.vertices)):
        gate = graph.gate_at(vertex)
        if gate is not None:
            yield Hop(vertex, gate.emit, -1, gate)


def _lets_in(wanted: str, source: str) -> bool:
    return not wanted or patterns_meet(wanted, source)


def _derivation(ways: Sequence[Way]) -> tuple[Way, ...]:
    """The ways by which the target (the head None) comes about, causes first; else nothing."""
    waiting: dict[State, list[int]] = defaultdict(list)
    missing = [len(set(way.needs)) for way in ways]
    for number, way in enumerate(ways):
        for state in set(way.needs):
            waiting[state].append(number)
    made_by: dict[State | None, Way] = {}
    ready = deque(number for number, count in enumerate(missing) if count == 0)
    while ready and None not in made_by:
        way = ways[ready.popleft()]
        if way.head in made_by:
            continue
        made_by[way.head] = way
        for number in waiting[way.head] if way.head is not None else ():
            missing[number] -= 1
            if missing[number] == 0:
                ready.append(number)
    return tuple(_in_order(made_by)) if None in made_by else ()


def _in_order(made_by: dict[State | None, Way]) -> list[Way]:
    """The ways that the target rests on. `made_by` is in the order in which they came about."""
    wanted: set[State | None] = {None}
    chain = []
    for head, way in reversed(made_by.items()):
        if head in wanted:
            wanted.update(way.needs)
            chain.append(way)
    return chain[::-1]
