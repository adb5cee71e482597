"""A derivation told to people: one step a line, with the event and the rule that lets it pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lotabots.condition.example import json_text
from lotabots.diagnostics.diagnostic import Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lotabots.checks.base import Workspace
    from lotabots.diagnostics.span import Span
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Hop
    from lotabots.graph.ways import Way

MAX_LABELS = 8
"""More steps than this are told in the notes alone."""


class Story:
    """How the last way of `chain` comes about; `when` is the condition of the target."""

    def __init__(self, workspace: Workspace, chain: Sequence[Way], when: str) -> None:
        self._graph = workspace.graph
        self._events = workspace.fleet.events
        self._steps = [way for way in chain if way.event]
        self._when = when

    @property
    def labels(self) -> tuple[Label, ...]:
        """The rules that let each step pass, the last ones if there are many."""
        said = [Label(self._place(way), self._missing(way)) for way in self._steps]
        return tuple(said[-MAX_LABELS:])

    @property
    def notes(self) -> tuple[str, ...]:
        """The steps in order, each with the fields that matter."""
        told = (
            f"{number}. {self._sentence(way, self._fields(way))}"
            for number, way in enumerate(self._steps, 1)
        )
        return tuple(told)

    @property
    def example(self) -> str:
        """The event that looks like the one to pass and is not, else the last event."""
        telling = next((way for way in self._steps if way.missed), None)
        way = telling or (self._steps[-1] if self._steps else None)
        payload = self._payload(way) if way else None
        if way is None or payload is None:
            return ""
        return json_text({"type": way.event, "payload": payload})

    def _place(self, way: Way) -> Span:
        graph = self._graph
        if way.head is not None:
            return graph.starts[way.head.vertex].rule.span
        if not way.needs:
            return self._events[way.event].at("emitters")
        return made_at(graph, way.needs[0].vertex, way.event)

    def _sentence(self, way: Way, fields: str = "") -> str:
        said = f"`{way.source}` sends `{way.event}`{fields}"
        if way.head is None:
            return said
        node = self._graph.vertices[way.head.vertex]
        return f"{said}, which {'sets off' if node in self._graph.bots else 'counts for'} `{node}`"

    def _missing(self, way: Way) -> str:
        if way.missed is None:
            return self._sentence(way)
        said = f"takes `{way.event}` of `{way.source}`"
        if way.failing:
            return f"{said} even if `{way.missed.when}` is false"
        fields = ", ".join(f"`{field}`" for field in way.missed.same)
        return f"{said}, perhaps with another {fields}"

    def _fields(self, way: Way) -> str:
        payload = self._payload(way)
        read = sorted(
            {path for text in (*self._holding(way), *way.failing) for path in self._read(text)}
            | way.fixed.keys()
        )
        shown = [f"{path} = {json_text(value)}" for path in read for value in _at(payload, path)]
        return f" ({', '.join(shown)})" if shown else ""

    def _read(self, when: str) -> frozenset[str]:
        return self._graph.feasibility.read(when)

    def _holding(self, way: Way) -> tuple[str, ...]:
        when = self._when if way.head is None else self._graph.starts[way.head.vertex].rule.when
        return (when,) if when else ()

    def _payload(self, way: Way) -> Any:  # noqa: ANN401 - a JSON object, or nothing
        found = self._graph.feasibility.witness(
            way.event, self._holding(way), failing=way.failing, fixed=way.fixed
        )
        return found.get("payload", {}) if isinstance(found, dict) else None


def made_at(graph: FleetGraph, vertex: int, event: str) -> Span:
    """Where `vertex` says that it makes `event`."""
    gate = graph.gate_at(vertex)
    if gate is not None:
        return gate.at("then", "emit")
    action = graph.starts[vertex].action
    emits = action.emits if action is not None else ()
    return next(
        (one.at("type") for one in emits if one.type == event), graph.starts[vertex].rule.span
    )


def label(graph: FleetGraph, hop: Hop) -> Label:
    """Where `hop` arrives, and by what."""
    source, target = graph.vertices[hop.source], graph.starts[hop.target]
    return Label(target.rule.span, f"`{hop.event}` of `{source}` starts `{target.node}`")


def _at(payload: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - any part of an example
    """The value at `path` (``payload.change.id``), if it is there."""
    for name in path.split(".")[1:]:
        if not isinstance(payload, dict) or name not in payload:
            return
        payload = payload[name]
    if path.startswith("payload."):
        yield payload
