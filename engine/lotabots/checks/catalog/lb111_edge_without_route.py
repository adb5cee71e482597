"""An edge of the dependency graph that nothing uses.

## Why
An edge allows one bot to start another. One that no route needs is a permission left over from an
earlier design, and it makes the drawn graph say what is not so.

## Bad
```yaml
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
  - {from: TestBot, to: BuildBot}
```
```text
graphs/dependencies.yaml:3:5: warning[LB111] nothing uses the edge from `TestBot` to `BuildBot`
```

## Good
```yaml
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
```
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.graph.nodes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.fleet import Edge


class EdgeWithoutRoute:
    """See the module."""

    info = CheckInfo("LB111", "edge-without-route", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per edge, or per event of an edge that has others in use."""
        graph = workspace.graph
        used: dict[tuple[str, str], set[str]] = defaultdict(set)
        for route in (*graph.routes, *graph.flows):
            used[route.source, route.target].add(route.event)
        for edge in workspace.fleet.edges:
            if _certain(workspace, edge):
                yield from self._judge(workspace, edge, used[edge.source, edge.target])

    def _judge(self, workspace: Workspace, edge: Edge, used: set[str]) -> Iterator[Diagnostic]:
        events = workspace.fleet.events
        between = f"the edge from `{edge.source}` to `{edge.target}`"
        if not edge.via:
            if not used and not _could_flow(workspace, edge, tuple(events)):
                yield self._finding(edge, f"nothing uses {between}", Label(edge.span))
            return
        idle = [
            (number, event)
            for number, event in enumerate(edge.via)
            if event in events and event not in used and not _could_flow(workspace, edge, (event,))
        ]
        if len(idle) == len(edge.via):
            yield self._finding(edge, f"nothing uses {between}", Label(edge.span))
            return
        for number, event in idle:
            place = Label(edge.at("via", number))
            yield self._finding(edge, f"no `{event}` uses {between}", place)

    def _finding(self, edge: Edge, message: str, primary: Label) -> Diagnostic:
        return self.info.at(
            primary,
            message,
            subject=f"{edge.source} -> {edge.target}",
            help=f"remove it, or add an output of `{edge.source}` and a trigger of `{edge.target}`",
        )


CHECK = EdgeWithoutRoute()


def _certain(workspace: Workspace, edge: Edge) -> bool:
    """Whether both ends are known, and nothing else explains that no route is seen."""
    graph, doubts = workspace.graph, workspace.doubts
    return (
        graph.knows(edge.source)
        and graph.knows(edge.target)
        and edge.source not in doubts.emitting | doubts.sending
        and edge.target not in doubts.awaiting
    )


def _could_flow(workspace: Workspace, edge: Edge, events: tuple[str, ...]) -> bool:
    """Whether only the output line is missing (LB112), or only the emission (LB106)."""
    graph = workspace.graph
    for event in events:
        makers = {made.node for made in graph.producers.get(event, ())}
        listed = workspace.fleet.events[event].emitters
        if edge.source in makers or edge.source in listed:
            for number in graph.starts_of.get(edge.target, ()):
                start = graph.starts[number]
                if event in graph.awaited[number] and start.accepts(edge.source):
                    return True
    return Route(edge.source, "", edge.target) in graph.routes
