"""The proofs of invariants about paths: that every way passes, or a way that does not.

What is assumed is what the engine enforces: sources, payload schemas, `from:` and `when:`, routes,
gates, `set:`, and that a bot emits only what its running action declares. Every bot counts as
enabled and rolled out, and every program as able to emit all that it may, with any payload.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks.invariants import approvals, exercising, fields_of, judged, nodes_of
from lotabots.graph.causes import shortest_path
from lotabots.graph.nodes import patterns_meet
from lotabots.graph.reach import reached
from lotabots.graph.ways import MAX_STATES, TooManyStatesError, Ways
from lotabots.model.invariant import InvariantKind
from lotabots.model.names import BOT, is_gate_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.checks.base import Workspace
    from lotabots.graph.nodes import Hop
    from lotabots.graph.ways import Way
    from lotabots.model.invariant import Invariant, Origin, Passage, Target


class Around(NamedTuple):
    """A way around `passes`: `chain` is a derivation, causes first, the target last.

    With a `doubt` it may be none: nobody can tell.
    """

    invariant: Invariant
    passes: tuple[Passage, ...]
    chain: tuple[Way, ...]
    doubt: str = ""


class Link(NamedTuple):
    """A way from `first` to the target by `hops`; without `first`, `source` sends it itself."""

    invariant: Invariant
    first: int | None
    hops: tuple[Hop, ...] = ()
    source: str = ""


class Proofs:
    """The answers about one workspace, each asked once."""

    def __init__(self, workspace: Workspace) -> None:
        self.invariants = judged(workspace)
        self._workspace = workspace
        self._graph = workspace.graph
        self._found: dict[tuple[object, ...], list[Way]] = {}
        self.around = tuple(self._around())
        self.links = tuple(self._links())

    @cached_property
    def ways(self) -> Ways:
        """The ways of the fleet; a fleet without invariants does not ask."""
        return Ways(self._graph)

    @cached_property
    def _started(self) -> frozenset[int]:
        """The vertices that can be set off."""
        return reached(self._graph, sorted(self._graph.initial))

    @cached_property
    def _idle(self) -> frozenset[str]:
        """Gates that can never complete."""
        graph = self._graph
        first = len(graph.starts)
        gates = enumerate(graph.vertices[first:], first)
        return frozenset(node for vertex, node in gates if vertex not in self._started)

    def occurs(self, target: Target) -> bool:
        """Whether the event, or a use of the capability, can come about at all."""
        return self._can_happen(self._targets(target, ()))

    def begins(self, origin: Origin) -> bool:
        """Whether there is such an event, bot or source."""
        if origin.event:
            return self._can_happen(self.ways.to_event(origin.event, origin.when))
        return _is_outside(origin) or bool(nodes_of(self._workspace, origin))

    def _can_happen(self, ways: Iterable[Way]) -> bool:
        return any(all(state.vertex in self._started for state in way.needs) for way in ways)

    def _targets(self, target: Target, fields: tuple[str, ...]) -> list[Way]:
        key = (target.event, target.when, target.capability, target.on, fields)
        if key not in self._found:
            self._found[key] = list(
                self.ways.to_event(target.event, target.when, fields)
                if target.event
                else self.ways.to_starts(exercising(self._workspace, target), fields)
            )
        return self._found[key]

    def _around(self) -> Iterator[Around]:
        for one in self.invariants:
            if one.kind is InvariantKind.APPROVED:
                yield from self._passing(one, approvals(self._workspace))
            elif one.kind is InvariantKind.PATH:
                alternatives = [one.passes] if one.one_of else [(each,) for each in one.passes]
                for passes in alternatives:
                    yield from self._passing(one, passes)

    def _passing(self, invariant: Invariant, passes: tuple[Passage, ...]) -> Iterator[Around]:
        fields = fields_of(passes)
        try:
            chain = self.ways.around(self._targets(invariant.target, fields), passes, fields)
        except TooManyStatesError:
            yield Around(invariant, passes, (), f"there are more than {MAX_STATES:,} ways to it")
            return
        if chain:
            doubt = next((way.doubt for way in chain if way.doubt), "")
            yield Around(invariant, passes, chain, doubt)

    def _links(self) -> Iterator[Link]:
        for one in self.invariants:
            if one.kind is InvariantKind.SEPARATE:
                yield from self._linked(one, one.origins[0])

    def _linked(self, invariant: Invariant, origin: Origin) -> Iterator[Link]:
        """A shortest way that must not be. What an approving gate leads to is approved."""
        graph = self._graph
        closed = self._idle | (graph.approving if invariant.unless_approved else frozenset())
        targets = self._targets(invariant.target, ())
        for way in targets:
            if not way.needs and _is_outside(origin) and patterns_meet(origin.source, way.source):
                yield Link(invariant, None, (), way.source)
                return
        ends = self._open((way.needs[0].vertex for way in targets if way.needs), closed)
        seeds = self._open(self._seeds(origin), closed)
        if at_once := sorted(ends & seeds):
            yield Link(invariant, at_once[0])
        elif hops := shortest_path(graph, sorted(seeds), ends, without=closed):
            yield Link(invariant, hops[0].source, hops)

    def _open(self, vertices: Iterator[int], closed: frozenset[str]) -> set[int]:
        graph = self._graph
        return {
            v
            for v in vertices
            if v in self._started and v not in graph.flawed and graph.vertices[v] not in closed
        }

    def _seeds(self, origin: Origin) -> Iterator[int]:
        """The vertices that `origin` sets off first, or is."""
        graph = self._graph
        if origin.event:
            yield from self.ways.taking(origin.event, origin.when)
            return
        nodes = nodes_of(self._workspace, origin)
        yield from (vertex for vertex, node in enumerate(graph.vertices) if node in nodes)
        for event, sources in graph.outside.items() if _is_outside(origin) else ():
            if any(patterns_meet(origin.source, source) for source in sources):
                yield from self.ways.taking(event, "")


def _is_outside(origin: Origin) -> bool:
    """Whether `origin` may mean somebody outside the fleet."""
    source = origin.source
    inside = source == "*" or BOT.fullmatch(source) is not None or is_gate_source(source)
    return bool(source) and not inside
