"""A fleet as a picture: nodes in layers, arrows between them, and where everything goes.

The layout is the classic one for directed graphs (Sugiyama and others, 1981): leave out the edges
that close a cycle, put each node one layer after its last predecessor, order the layers so that
few edges cross. It is small and deterministic; a fleet has tens of nodes, not thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lotabots.model.fleet import Fleet

SWEEPS: Final = 8
"""How often the order within layers is improved, to and fro."""


class Node(NamedTuple):
    """`kind` is ``bot``, ``gate`` or ``outside``; `group` is the category of a bot."""

    name: str
    kind: str
    group: str = ""


class Arrow(NamedTuple):
    """`source` may start `target` by the events `via` (empty = any)."""

    source: str
    target: str
    via: tuple[str, ...]


class Picture(NamedTuple):
    """What is to be drawn, sorted by name."""

    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


class Spot(NamedTuple):
    """Where a node stands: the layer, and the place within it from 0."""

    layer: int
    place: int


def picture(fleet: Fleet) -> Picture:
    """The declared edges of `fleet`, and what comes in from outside."""
    nodes = {bot.name: Node(bot.name, "bot", bot.category) for bot in fleet.bots}
    for gate in fleet.gates:
        nodes[f"gate.{gate.name}"] = Node(f"gate.{gate.name}", "gate")
    arrows = [Arrow(edge.source, edge.target, edge.via) for edge in fleet.edges]
    for source, target, event in _from_outside(fleet):
        nodes.setdefault(source, Node(source, "outside"))
        arrows.append(Arrow(source, target, (event,)))
    known = (arrow for arrow in _joined(arrows) if {arrow.source, arrow.target} <= nodes.keys())
    return Picture(fleet.settings.name, tuple(nodes[name] for name in sorted(nodes)), tuple(known))


def layout(drawn: Picture) -> dict[str, Spot]:
    """A place for every node."""
    names = [node.name for node in drawn.nodes]
    follows = _acyclic(names, drawn.arrows)
    layers = _layers(names, follows)
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for name in names:
        rows[layers[name]].append(name)
    _untangle(rows, follows)
    return {
        name: Spot(layer, place) for layer, row in enumerate(rows) for place, name in enumerate(row)
    }


def _from_outside(fleet: Fleet) -> Iterable[tuple[str, str, str]]:
    """Source, node and event of everything that may come from outside the fleet."""
    for event in fleet.events.values():
        if not event.external:
            continue
        families = sorted({pattern.partition(".")[0] for pattern in event.emitters})
        targets = [
            bot.name
            for bot in fleet.bots
            if any(t.pattern and matches(t.pattern, event.name) for t in bot.triggers)
        ]
        targets += [
            f"gate.{gate.name}"
            for gate in fleet.gates
            if any(matches(part.pattern, event.name) for part in gate.parts)
        ]
        for family in families:
            yield from ((_OUTSIDE.get(family, family), target, event.name) for target in targets)


def _joined(arrows: Iterable[Arrow]) -> list[Arrow]:
    """One arrow for each pair of nodes, with all its events."""
    via: dict[tuple[str, str], set[str]] = {}
    for arrow in arrows:
        via.setdefault((arrow.source, arrow.target), set()).update(arrow.via)
    return [Arrow(*pair, tuple(sorted(events))) for pair, events in sorted(via.items())]


def _acyclic(names: Sequence[str], arrows: Iterable[Arrow]) -> dict[str, list[str]]:
    """Successors without the edges that close a cycle on a walk in order of names."""
    every: dict[str, list[str]] = {name: [] for name in names}
    for arrow in arrows:
        every[arrow.source].append(arrow.target)
    kept: dict[str, list[str]] = {name: [] for name in names}
    entered: set[str] = set()
    for start in sorted(names, key=lambda name: (_degree_in(name, every), name)):
        _walk(start, every, kept, entered)
    return kept


def _walk(
    start: str, every: Mapping[str, list[str]], kept: dict[str, list[str]], entered: set[str]
) -> None:
    if start in entered:
        return
    entered.add(start)
    path = {start}
    stack = [(start, iter(every[start]))]
    while stack:
        name, following = stack[-1]
        target = next(following, None)
        if target is None:
            stack.pop()
            path.discard(name)
        elif target not in path:
            kept[name].append(target)
            if target not in entered:
                entered.add(target)
                path.add(target)
                stack.append((target, iter(every[target])))


def _degree_in(name: str, every: Mapping[str, list[str]]) -> int:
    return sum(name in targets for targets in every.values())


def _layers(names: Sequence[str], follows: Mapping[str, list[str]]) -> dict[str, int]:
    """Each node one layer after its last predecessor."""
    layers = dict.fromkeys(names, 0)
    for _ in names:  # no path is longer than that
        moved = False
        for name in names:
            for target in follows[name]:
                if layers[target] <= layers[name]:
                    layers[target] = layers[name] + 1
                    moved = True
        if not moved:
            break
    return layers


def _untangle(rows: list[list[str]], follows: Mapping[str, list[str]]) -> None:
    """Order every row by the mean place of its neighbours, from the left and from the right."""
    before: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for name, targets in follows.items():
        for target in targets:
            before[target].append(name)
    for sweep in range(SWEEPS):
        neighbours = before if sweep % 2 == 0 else follows
        places = {name: _share(place, row) for row in rows for place, name in enumerate(row)}
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda name: (_mean(neighbours[name], places, name), name))
            places.update({name: _share(place, row) for place, name in enumerate(row)})


def _share(place: int, row: Sequence[str]) -> float:
    return (place + 0.5) / len(row)


def _mean(names: Sequence[str], places: Mapping[str, float], own: str) -> float:
    return sum(places[name] for name in names) / len(names) if names else places[own]


_OUTSIDE: Final = {"cli": "people", "ingress": "ingress", "schedule": "schedule"}
