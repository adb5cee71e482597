"""What another finding already explains, so that one mistake is reported once.

A bot with an unknown name in `emits:` may mean any event; a trigger with an unknown pattern may
wait for any; a file that could not be read may say anything. While such a gap stands, nobody can
say that an event is not emitted, not awaited or not sent, and checks do not say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.frozen import Frozen
from lotabots.model.names import ENGINE, OUTSIDE_FAMILIES, SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Produced, Start
    from lotabots.model.fleet import Fleet


class Doubts(Frozen):
    """Nodes (bots and gates) about which the graph does not show everything."""

    emitting: frozenset[str]
    """May emit more than the graph shows."""
    awaiting: frozenset[str]
    """May wait for more than the graph shows."""
    sending: frozenset[str]
    """May send to more nodes than the graph shows."""

    @property
    def any(self) -> bool:
        """Whether the graph has a gap."""
        return bool(self.emitting or self.awaiting or self.sending)


def doubts(fleet: Fleet, graph: FleetGraph, vague: frozenset[str]) -> Doubts:
    """Where `graph` has gaps; `vague` are the nodes whose files could not be understood."""
    known = fleet.events
    emitting = {made.node for event, made in _made(graph) if event not in known}
    awaiting = {
        start.node
        for start, events in zip(graph.starts, graph.awaited, strict=True)
        if not start.scheduled and (not events or not _has_source(graph, start))
    }
    sending = {
        bot.name
        for bot in fleet.bots
        for output in bot.outputs
        if not graph.knows(output.destination) or (output.event and output.event not in known)
    }
    return Doubts(vague.union(emitting), vague.union(awaiting), vague.union(sending))


def knows_source(graph: FleetGraph, source: str) -> bool:
    """Whether `source`, a pattern of ``from:`` or ``emitters:``, can be that of anybody."""
    family, dot, _ = source.partition(".")
    return (
        graph.knows(source)
        or source in (SCHEDULE, ENGINE)
        or (bool(dot) and family in OUTSIDE_FAMILIES)
        or (family == "gate" and "*" in source)
        or "*" in family
    )


def _made(graph: FleetGraph) -> Iterator[tuple[str, Produced]]:
    for event, makers in graph.producers.items():
        for made in makers:
            yield event, made


def _has_source(graph: FleetGraph, start: Start) -> bool:
    return not start.rule.source or knows_source(graph, start.rule.source)
