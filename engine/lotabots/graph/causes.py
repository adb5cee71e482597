"""What a vertex can set in motion, however many steps away: indirect power.

Every gate counts as set in motion by each of its parts: who feeds a part helps to cause the event.
Sets are integers used as bit sets (bit n = vertex n), so that a fleet of thousands of bots costs
one `or` for each hop instead of one search for each bot.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lotabots.graph.cycles import components

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Hop


def caused(graph: FleetGraph, *, without: frozenset[str] = frozenset()) -> tuple[int, ...]:
    """For each vertex the bit set of what it can set off, not through the gates `without`."""
    successors = {
        vertex: [hop.target for hop in _open(graph, hops, without)]
        for vertex, hops in enumerate(graph.hops)
    }
    found = [0] * len(successors)
    for component in components(successors):
        bits = 0
        for vertex in component:
            for target in successors[vertex]:
                bits |= found[target] | (1 << target)
        for vertex in component:
            found[vertex] = bits
    return tuple(found)


def members(bits: int) -> list[int]:
    """The vertices in a bit set, in order."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found


def shortest_path(
    graph: FleetGraph,
    sources: Iterable[int],
    targets: Container[int],
    *,
    without: frozenset[str] = frozenset(),
) -> tuple[Hop, ...]:
    """The fewest hops from one of `sources` to one of `targets`, not through gates `without`."""
    came_by: dict[int, Hop | None] = dict.fromkeys(sources)
    queue = deque(came_by)
    while queue:
        for hop in _open(graph, graph.hops[queue.popleft()], without):
            if hop.target in targets:
                return _trail(hop, came_by)
            if hop.target not in came_by:
                came_by[hop.target] = hop
                queue.append(hop.target)
    return ()


def _open(graph: FleetGraph, hops: tuple[Hop, ...], without: frozenset[str]) -> Iterator[Hop]:
    for hop in hops:
        if hop.target not in graph.flawed and graph.vertices[hop.source] not in without:
            yield hop


def _trail(last: Hop, came_by: dict[int, Hop | None]) -> tuple[Hop, ...]:
    trail = [last]
    while (hop := came_by[trail[-1].source]) is not None:
        trail.append(hop)
    return tuple(reversed(trail))
