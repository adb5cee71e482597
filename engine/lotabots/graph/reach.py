"""What can ever start: the least fixpoint of the hops, with gates as AND or OR."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
