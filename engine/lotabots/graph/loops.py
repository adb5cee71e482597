"""Live loops: events that may go round until the hop limit stops them.

A cycle of hops is a *live* loop if nothing in it ends it by itself:

* an `all` gate takes part only if each of its parts can be fed from inside the loop. A part that
  only the outside feeds (a push, a person's approval) breaks the loop: each round waits for it;
* a condition that cannot hold any more when the hop limit is near (``event.hops < 5``, or a field
  that the source sets from ``$hops``) breaks it: the author has bounded it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.graph.cycles import components, cyclic, shortest_cycle
from lotabots.graph.feasibility import copied, literals
from lotabots.model.bot import Counted, Counter
from lotabots.model.fleet import GateKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Constant, Hop


class Loop(NamedTuple):
    """A shortest cycle through the first node of a component, and all nodes of the component."""

    hops: tuple[Hop, ...]
    nodes: tuple[str, ...]


def live_loops(graph: FleetGraph, max_hops: int) -> tuple[Loop, ...]:
    """One loop for each component in which events can go round, sorted by their first node."""
    parts = _parts(graph)
    everything = {v: tuple(hop.target for hop in hops) for v, hops in enumerate(graph.hops)}
    todo = [c for c in components(everything) if cyclic(c, everything)]
    found: list[Loop] = []
    while todo:
        component = frozenset(todo.pop())
        fed = [v for v in sorted(component) if component.issuperset(parts.get(v, ()))]
        inside = {
            vertex: tuple(
                hop
                for hop in graph.hops[vertex]
                if hop.target in component and _lasts(graph, hop, max_hops)
            )
            for vertex in fed
        }
        successors = {
            vertex: tuple(hop.target for hop in hops if hop.target in inside)
            for vertex, hops in inside.items()
        }
        smaller = [c for c in components(successors) if cyclic(c, successors)]
        if smaller and len(smaller[0]) == len(component):
            found.append(_loop(graph, inside, successors))
        else:
            todo.extend(smaller)
    return tuple(sorted(found, key=lambda loop: (loop.nodes, loop.hops[0].source)))


def fixed_by(graph: FleetGraph, hop: Hop) -> dict[str, Constant]:
    """What is known of the event of `hop`: the constants that its maker sets or passes on."""
    if hop.made is None:
        return {}
    known: Mapping[str, Constant] = {}
    if hop.source < len(graph.starts):
        known = graph.feasibility.constants(graph.starts[hop.source].rule.when)
    return literals(hop.made.set) | copied(hop.made.set, known)


def _parts(graph: FleetGraph) -> dict[int, list[int]]:
    """The gates that need all of their parts -> those parts."""
    needy = {node for node, gate in graph.gates.items() if gate.kind is GateKind.ALL}
    vertex_of = {node: v for v, node in enumerate(graph.vertices) if v >= len(graph.starts)}
    found: dict[int, list[int]] = {}
    for number, start in enumerate(graph.starts):
        if start.node in needy:
            found.setdefault(vertex_of[start.node], []).append(number)
    return found


def _lasts(graph: FleetGraph, hop: Hop, max_hops: int) -> bool:
    """Whether `hop` can still be made when the hop limit is reached.

    ``$hops`` of a bot counts those of the event that started it, ``$hops`` of a gate those of its
    own event. ``$attempt`` is 1 or more: it counts the runs of one job, and starts again with the
    next.
    """
    if hop.made is None:
        return True
    if hop.target in graph.flawed:
        return False
    fixed = fixed_by(graph, hop) | {"event.hops": max_hops}
    counted = max_hops if graph.gate_at(hop.source) else max_hops - 1
    floors: dict[str, int] = {}
    for path, value in hop.made.set.items():
        if isinstance(value, Counted) and value.counter is Counter.HOPS:
            fixed[f"payload.{path}"] = counted + value.plus
        elif isinstance(value, Counted):
            floors[f"payload.{path}"] = 1 + value.plus
    when = graph.starts[hop.target].rule.when
    return graph.feasibility.possible(when, hop.event, fixed=fixed, floors=floors)


def _loop(
    graph: FleetGraph,
    inside: Mapping[int, tuple[Hop, ...]],
    successors: Mapping[int, tuple[int, ...]],
) -> Loop:
    first = min(inside, key=lambda vertex: (graph.vertices[vertex], vertex))
    trail = shortest_cycle(first, successors)
    return Loop(
        tuple(_steps(trail, inside)),
        tuple(sorted({graph.vertices[vertex] for vertex in inside})),
    )


def _steps(trail: list[int], inside: Mapping[int, tuple[Hop, ...]]) -> Iterator[Hop]:
    for vertex, following in zip(trail, [*trail[1:], trail[0]], strict=True):
        yield next(hop for hop in inside[vertex] if hop.target == following)
