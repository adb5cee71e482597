"""What can ever start: the least fixpoint of the hops, with gates as AND or OR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.graph.cycles import components
from lotabots.model.fleet import GateKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.graph.build import FleetGraph


def reached(graph: FleetGraph, seeds: Iterable[int]) -> frozenset[int]:
    """The vertices that are set off, directly or not, once the starts `seeds` are.

    An `all` gate needs all of its parts; any other gate needs one start that leads to it.
    """
    missing = {
        vertex: len(gate.parts)
        for vertex in range(len(graph.starts), len(graph.vertices))
        if (gate := graph.gate_at(vertex)) is not None and gate.kind is GateKind.ALL
    }
    seen = dict.fromkeys(seeds)
    queue = list(seen)
    while queue:
        for hop in graph.hops[queue.pop()]:
            if hop.target in missing:
                missing[hop.target] -= 1
                if missing[hop.target] > 0:
                    continue
            if hop.target not in seen:
                seen[hop.target] = None
                queue.append(hop.target)
    return frozenset(seen)


def stuck(graph: FleetGraph, started: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Groups of vertices that are not `started` and do not merely wait for others of them.

    They are the ones to report: a circle of bots and gates that wait for each other, or a start
    that no sender can set off. What waits for them starts once they do.
    """
    waiting = [v for v in range(len(graph.vertices)) if v not in started]
    successors = {
        v: [hop.target for hop in graph.hops[v] if hop.target not in started] for v in waiting
    }
    groups = components(successors)
    home = {v: number for number, group in enumerate(groups) for v in group}
    fed = {home[t] for v in waiting for t in successors[v] if home[t] != home[v]}
    return tuple(frozenset(group) for n, group in enumerate(groups) if n not in fed)
