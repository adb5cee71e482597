"""Strongly connected components, and the shortest cycle through a vertex.

Iterative (a rule file must not be able to exhaust the stack) and linear in vertices and hops.
Method: R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def components(successors: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected components of a graph, each before those that lead to it.

    Every vertex must be a key of `successors`.
    """
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_: dict[int, None] = {}
    found: list[list[int]] = []
    for root in successors:
        if root in order:
            continue
        path = [(root, iter(successors[root]))]
        order[root] = low[root] = len(order)
        open_[root] = None
        while path:
            vertex, rest = path[-1]
            for target in rest:
                if target not in order:
                    order[target] = low[target] = len(order)
                    open_[target] = None
                    path.append((target, iter(successors[target])))
                    break
                if target in open_:
                    low[vertex] = min(low[vertex], order[target])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[vertex])
                if low[vertex] == order[vertex]:
                    found.append(_close(vertex, open_))
    return found


def cyclic(component: Sequence[int], successors: Mapping[int, Sequence[int]]) -> bool:
    """Whether a component holds a cycle: more than one vertex, or one that leads to itself."""
    return len(component) > 1 or component[0] in successors[component[0]]


def shortest_cycle(start: int, successors: Mapping[int, Sequence[int]]) -> list[int]:
    """The vertices of a shortest cycle through `start`, which comes first; empty if none.

    Among cycles of the same length the one that comes first in the order of `successors` wins.
    """
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        vertex = queue.popleft()
        for target in successors.get(vertex, ()):
            if target == start:
                return _trail(vertex, start, came_from)
            if target not in came_from:
                came_from[target] = vertex
                queue.append(target)
    return []


def _close(root: int, open_: dict[int, None]) -> list[int]:
    component: list[int] = []
    while True:
        vertex, _ = open_.popitem()
        component.append(vertex)
        if vertex == root:
            return component


def _trail(end: int, start: int, came_from: Mapping[int, int]) -> list[int]:
    trail = [end]
    while trail[-1] != start:
        trail.append(came_from[trail[-1]])
    return trail[::-1]
