"""The fleet as a graph: who makes which event, whom it may start, and by which declared way.

Three relations are kept apart, because the checks compare them:

* what *could* be sent: `FleetGraph.producers` and `FleetGraph.consumers`, by event type;
* what *is* sent: `FleetGraph.routes`, from `outputs:`; a gate sends to every consumer of its event;
* what the reviewers *expect*: `FleetGraph.declared`, from ``graphs/dependencies.yaml``.

A *flow* is a route that arrives: the target has a trigger or part for the event, its ``from:``
lets the source in, and its condition can hold for the constants that the source sets.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from lotabots.frozen import Frozen
from lotabots.graph.consumers import Consumers
from lotabots.graph.feasibility import Feasibility, copied, literals
from lotabots.graph.nodes import AFTER, Hop, Produced, Route, Start
from lotabots.model.fleet import GateKind
from lotabots.model.names import BOT, gate_source, is_gate_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.model.bot import Bot
    from lotabots.model.event import EventType
    from lotabots.model.fleet import Edge, Fleet, Gate

ANYONE: Final = "**"


class FleetGraph(Frozen):
    """The graph of a fleet. Vertices are numbered: first `starts`, then `gates`, as they stand."""

    bots: Mapping[str, Bot]
    gates: Mapping[str, Gate]
    """By node name (``gate.<name>``)."""
    starts: tuple[Start, ...]
    starts_of: Mapping[str, tuple[int, ...]]
    """Node -> the numbers of its starts."""
    consumers: Mapping[str, tuple[int, ...]]
    """Event type -> numbers of the starts whose pattern matches it."""
    awaited: tuple[tuple[str, ...], ...]
    """Start -> the event types of the catalogue that its pattern matches, by name."""
    producers: Mapping[str, tuple[Produced, ...]]
    """Event type -> the actions and gates that make it."""
    outside: Mapping[str, tuple[str, ...]]
    """Event type -> patterns of the sources outside the fleet that may send it."""
    routes: Mapping[Route, int]
    """What `outputs:` declare -> number of the (first) output of the source that says so."""
    flows: Mapping[Route, tuple[int, ...]]
    """Routes of bots and gates that arrive -> the starts they may set off."""
    declared: Mapping[tuple[str, str], Edge]
    """(source, target) -> the declared edge."""
    vertices: tuple[str, ...]
    """Vertex -> the node it belongs to."""
    hops: tuple[tuple[Hop, ...], ...]
    """Vertex -> hops to the vertices that it may set off."""
    approving: frozenset[str]
    """Gates whose event carries a person's approval."""
    flawed: frozenset[int]
    """Starts whose condition has an error, so that they reject everything."""
    initial: frozenset[int]
    """Starts that a schedule or an event from outside may set off."""
    takers: Consumers
    """Which starts an event may set off, wherever they are."""
    feasibility: Feasibility

    def knows(self, node: str) -> bool:
        """Whether `node` is a bot or a gate of the fleet."""
        return node in self.bots or node in self.gates

    def allows(self, route: Route) -> bool:
        """Whether a declared edge covers `route`."""
        edge = self.declared.get((route.source, route.target))
        return edge is not None and (not edge.via or route.event in edge.via)

    def gate_at(self, vertex: int) -> Gate | None:
        """The gate that `vertex` stands for; None if it is a start."""
        return self.gates[self.vertices[vertex]] if vertex >= len(self.starts) else None


def build(fleet: Fleet) -> FleetGraph:
    """The graph of `fleet`. Names that nothing declares are simply not connected."""
    bots: dict[str, Bot] = {bot.name: bot for bot in fleet.bots}
    gates: dict[str, Gate] = {gate_source(gate.name): gate for gate in fleet.gates}
    feasibility = Feasibility(fleet.events)
    consumers = Consumers((*_bot_starts(bots), *_gate_starts(gates)), fleet.events, feasibility)
    producers = _by_event((*_emissions(bots), *_gate_emissions(gates)))
    outside = {name: found for name, event in fleet.events.items() if (found := _outside(event))}
    routes = _routes(bots)
    return FleetGraph(
        bots=bots,
        gates=gates,
        starts=consumers.starts,
        starts_of=_starts_of(consumers.starts),
        consumers=consumers.by_event,
        awaited=consumers.awaited,
        producers=producers,
        outside=outside,
        routes=routes,
        flows=_flows(producers, consumers, routes=routes),
        declared={(edge.source, edge.target): edge for edge in fleet.edges},
        vertices=(*(start.node for start in consumers.starts), *gates),
        hops=(
            *_start_hops(consumers, bots, gates=gates, routes=routes),
            *_gate_hops(consumers, gates),
        ),
        approving=frozenset(_approving(consumers, fleet)),
        flawed=frozenset(_flawed(consumers)),
        initial=frozenset(_initial(consumers, outside)),
        takers=consumers,
        feasibility=feasibility,
    )


def _bot_starts(bots: Mapping[str, Bot]) -> Iterator[Start]:
    for bot in bots.values():
        for number, trigger in enumerate(bot.triggers):
            yield Start(bot.name, number, trigger, bot.action(trigger.action))


def _gate_starts(gates: Mapping[str, Gate]) -> Iterator[Start]:
    for node, gate in gates.items():
        for number, part in enumerate(gate.parts):
            yield Start(node, number, part)
        if gate.after is not None:
            yield Start(node, AFTER, gate.after)


def _starts_of(starts: tuple[Start, ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, start in enumerate(starts):
        found[start.node].append(number)
    return {node: tuple(numbers) for node, numbers in found.items()}


def _emissions(bots: Mapping[str, Bot]) -> Iterator[Produced]:
    for bot in bots.values():
        for action in bot.actions:
            for emission in action.emits:
                fixed = literals(emission.set)
                yield Produced(bot.name, emission.type, action.name, fixed, emission)


def _gate_emissions(gates: Mapping[str, Gate]) -> Iterator[Produced]:
    for node, gate in gates.items():
        yield Produced(node, gate.emit, "", literals(gate.set), gate)


def _by_event(produced: tuple[Produced, ...]) -> dict[str, tuple[Produced, ...]]:
    found: dict[str, list[Produced]] = defaultdict(list)
    for one in produced:
        found[one.event].append(one)
    return {event: tuple(makers) for event, makers in found.items()}


def _outside(event: EventType) -> tuple[str, ...]:
    """Who outside the fleet may send `event`; anyone if it is external and does not say who."""
    listed = tuple(p for p in event.emitters if not BOT.fullmatch(p) and not is_gate_source(p))
    return listed or ((ANYONE,) if event.external else ())


def _routes(bots: Mapping[str, Bot]) -> dict[Route, int]:
    found: dict[Route, int] = {}
    for bot in bots.values():
        emitted = dict.fromkeys(e.type for action in bot.actions for e in action.emits)
        for number, output in enumerate(bot.outputs):
            for event in (output.event,) if output.event else emitted:
                found.setdefault(Route(bot.name, event, output.destination), number)
    return found


def _flows(
    producers: Mapping[str, tuple[Produced, ...]],
    consumers: Consumers,
    *,
    routes: Mapping[Route, int],
) -> dict[Route, tuple[int, ...]]:
    targets: dict[tuple[str, str], list[str]] = defaultdict(list)
    for route in routes:
        targets[route.source, route.event].append(route.target)
    found: dict[Route, dict[int, None]] = defaultdict(dict)
    for makers in producers.values():
        for made in makers:
            sent_to = None if is_gate_source(made.node) else targets[made.node, made.event]
            for start in consumers.of(made.node, made.event, fixed=made.fixed, targets=sent_to):
                route = Route(made.node, made.event, consumers.starts[start].node)
                found[route][start] = None
    return {route: tuple(sorted(starts)) for route, starts in found.items()}


def _start_hops(
    consumers: Consumers,
    bots: Mapping[str, Bot],
    *,
    gates: Mapping[str, Gate],
    routes: Mapping[Route, int],
) -> Iterator[tuple[Hop, ...]]:
    """One tuple for each start: a trigger leads to what its action sets off, a part to its gate.

    The part of an `absent` gate stops the gate, so only its ``after:`` leads there.
    """
    gate_vertex = {node: len(consumers.starts) + n for n, node in enumerate(gates)}
    targets: dict[tuple[str, str], list[str]] = defaultdict(list)
    for route in routes:
        targets[route.source, route.event].append(route.target)
    for vertex, start in enumerate(consumers.starts):
        gate = gates.get(start.node)
        if start.node in bots:
            yield tuple(_bot_hops(vertex, consumers, targets=targets))
        elif gate is not None and gate.kind is GateKind.ABSENT and start.number != AFTER:
            yield ()
        else:
            yield (Hop(vertex, "", gate_vertex[start.node]),)


def _bot_hops(
    vertex: int, consumers: Consumers, *, targets: Mapping[tuple[str, str], list[str]]
) -> Iterator[Hop]:
    start = consumers.starts[vertex]
    known = consumers.feasibility.constants(start.rule.when)
    for emission in start.action.emits if start.action else ():
        sent_to = targets.get((start.node, emission.type), [])
        fixed = literals(emission.set) | copied(emission.set, known)
        for target in consumers.of(start.node, emission.type, fixed=fixed, targets=sent_to):
            yield Hop(vertex, emission.type, target, emission)


def _gate_hops(consumers: Consumers, gates: Mapping[str, Gate]) -> Iterator[tuple[Hop, ...]]:
    for number, (node, gate) in enumerate(gates.items()):
        vertex = len(consumers.starts) + number
        reached = consumers.of(node, gate.emit, fixed=literals(gate.set), targets=None)
        yield tuple(Hop(vertex, gate.emit, target, gate) for target in reached)


def _approving(consumers: Consumers, fleet: Fleet) -> Iterator[str]:
    """A gate approves if it cannot complete without an event that is a person's decision.

    An approval that somebody else than people may send is none: LB305 says it.
    """
    approvals = {
        name for name, event in fleet.events.items() if event.approval and event.from_people
    }
    for gate in fleet.gates if approvals else ():
        parts = [consumers.events_of(part.pattern) for part in gate.parts]
        sure = [bool(events) and approvals.issuperset(events) for events in parts]
        each = gate.kind in (GateKind.ANY, GateKind.COUNT) and bool(sure) and all(sure)
        if each or (gate.kind is GateKind.ALL and any(sure)):
            yield gate_source(gate.name)


def _flawed(consumers: Consumers) -> Iterator[int]:
    usable = consumers.feasibility.usable
    for number, (start, events) in enumerate(zip(consumers.starts, consumers.awaited, strict=True)):
        when = start.rule.when
        if when and events and all(usable(when, event) is None for event in events):
            yield number


def _initial(consumers: Consumers, outside: Mapping[str, tuple[str, ...]]) -> Iterator[int]:
    for vertex, start in enumerate(consumers.starts):
        if start.scheduled:
            yield vertex
    for event, sources in outside.items():
        yield from consumers.from_outside(event, sources)
