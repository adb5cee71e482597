"""A route that the dependency graph does not show.

## Why
``graphs/dependencies.yaml`` is what the reviewers agreed on: who may start whom, by which event.
At run time an event without an edge is rejected, so a route that is not drawn there is dead, or
is power that nobody has reviewed.

## Bad
```yaml
# file: graphs/dependencies.yaml
edges: []
```
```text
rules/bots/buildbot.yaml:6:64: error[LB110] no edge from `BuildBot` to `TestBot` for `build.completed`
```

## Good
```yaml
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.base import DEPENDENCIES, CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.graph.nodes import Route


class RouteWithoutEdge:
    """See the module."""

    info = CheckInfo("LB110", "route-without-edge", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per output line, or per gate and target."""
        if not workspace.trusts(DEPENDENCIES):
            return
        missing: dict[tuple[str, str, Span], list[Route]] = defaultdict(list)
        misspelt = _misspelt(workspace)
        for route in workspace.graph.flows:
            ends = {(route.source, route.target), ("", route.target), (route.source, "")}
            if not workspace.graph.allows(route) and misspelt.isdisjoint(ends):
                missing[route.source, route.target, _place(workspace, route)].append(route)
        for (source, target, place), routes in missing.items():
            yield self._finding(workspace, source, target, place=place, routes=routes)

    def _finding(
        self, workspace: Workspace, source: str, target: str, *, place: Span, routes: list[Route]
    ) -> Diagnostic:
        events = sorted(route.event for route in routes)
        edge = workspace.graph.declared.get((source, target))
        start = workspace.graph.starts[workspace.graph.flows[routes[0]][0]]
        drawn = () if edge is None else (Label(edge.at("via"), "the edge does not list it"),)
        line = f"{{from: {source}, to: {target}, via: [{', '.join(events)}]}}"
        return self.info.at(
            Label(place),
            f"no edge from `{source}` to `{target}` for {', '.join(f'`{e}`' for e in events)}",
            subject=f"{source} -> {target}",
            related=(*drawn, Label(start.rule.at("pattern"), "awaited here")),
            help=f"add it to the edge in `{DEPENDENCIES}`"
            if edge is not None
            else f"add `{line}` to `{DEPENDENCIES}`",
        )


CHECK = RouteWithoutEdge()


def _place(workspace: Workspace, route: Route) -> Span:
    graph = workspace.graph
    gate = graph.gates.get(route.source)
    if gate is not None:
        return gate.at("then", "emit")
    return graph.bots[route.source].outputs[graph.routes[route]].at("destination")


def _misspelt(workspace: Workspace) -> frozenset[tuple[str, str]]:
    """Ends of routes that an edge with an unknown name may be meant for: LB101 and LB102 say it.

    An empty name stands for the unknown one.
    """
    graph, events = workspace.graph, workspace.fleet.events
    found: set[tuple[str, str]] = set()
    for (source, target), edge in graph.declared.items():
        if not graph.knows(source):
            found.add(("", target))
        if not graph.knows(target):
            found.add((source, ""))
        if not all(event in events for event in edge.via):
            found.add((source, target))
    return frozenset(found)
