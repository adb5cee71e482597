"""A bot depends on another that never starts it.

## Why
``dependencies:`` says whose work a bot builds on. If no path of edges leads from there to the bot,
directly or through gates, the line is left over, or the edge is missing.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
dependencies: [TestBot]
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:6:16: warning[LB115] `BuildBot` depends on `TestBot`, which never starts it
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
dependencies: []
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.base import DEPENDENCIES, GATES, CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.diagnostics.diagnostic import Diagnostic


class DependencyNotInGraph:
    """See the module."""

    info = CheckInfo("LB115", "dependency-not-in-graph", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per dependency."""
        if not workspace.trusts(DEPENDENCIES) or not workspace.trusts(GATES):
            return
        into = _incoming(workspace)
        for bot in workspace.fleet.bots:
            if not bot.dependencies:
                continue
            starters = _starters(bot.name, into)
            for number, other in enumerate(bot.dependencies):
                if other in workspace.graph.bots and other not in starters:
                    yield self.info.at(
                        Label(bot.at("dependencies", number)),
                        f"`{bot.name}` depends on `{other}`, which never starts it",
                        subject=f"{other} -> {bot.name}",
                        help=f"remove it, or add an edge from `{other}` to `{DEPENDENCIES}`",
                    )


CHECK = DependencyNotInGraph()


def _incoming(workspace: Workspace) -> Mapping[str, set[str]]:
    """Node -> nodes that start it: as drawn, or as routed (what is not drawn is LB110)."""
    into: dict[str, set[str]] = defaultdict(set)
    for source, target in workspace.graph.declared:
        into[target].add(source)
    for route in (*workspace.graph.flows, *workspace.graph.routes):
        into[route.target].add(route.source)
    return into


def _starters(node: str, into: Mapping[str, set[str]]) -> set[str]:
    """Everybody with an edge to `node`, also through gates."""
    found: set[str] = set()
    todo = [node]
    while todo:
        for source in into.get(todo.pop(), ()):
            if source not in found:
                found.add(source)
                if source.startswith("gate."):
                    todo.append(source)
    return found
