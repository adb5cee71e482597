"""A bot sets in motion what its own boundary denies.

## Why
A bot that must not deploy, but whose event makes another bot deploy, has the power to deploy. A
boundary is about what a bot does *or causes*. Where that is intended (a green test opens the
release gate), a reviewer accepts it once, by name, under ``may_cause:``.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: test.run, delegate: TestBot, reason: does not run tests}]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:3:21: error[LB601] `BuildBot` must not cause `test.run`, but can make `TestBot` do it
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: test.run, delegate: TestBot, reason: does not run tests}]
may_cause: [test.run]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.authority import Breach, acceptances
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.diagnostics.words import counted
from lotabots.graph.causes import members, shortest_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Hop


class ConfusedDeputy:
    """See the module."""

    info = CheckInfo("LB601", "confused-deputy", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per bot and boundary, with a shortest way."""
        found: dict[tuple[str, int], list[Breach]] = {}
        for breach, accepted in acceptances(workspace):
            if not accepted:
                key = (breach.bot.name, id(breach.boundary))
                found.setdefault(key, []).append(breach)
        for those in found.values():
            yield self._finding(workspace.graph, those)

    def _finding(self, graph: FleetGraph, those: list[Breach]) -> Diagnostic:
        bot, boundary, *_, without = those[0]
        targets = {start: breach for breach in those for start in members(breach.starts)}
        way = shortest_path(graph, graph.starts_of[bot.name], targets, without=without)
        last = way[-1].target
        others = len({graph.starts[start].node for start in targets}) - 1
        capability = targets[last].capability
        return self.info.at(
            Label(boundary.at("deny")),
            f"`{bot.name}` must not cause `{capability}`, "
            f"but can make `{graph.starts[last].node}` do it",
            subject=f"{bot.name} {boundary.deny}",
            related=tuple(_label(graph, hop) for hop in way if hop.event),
            help="take away one of the routes, or narrow what they carry; only if a reviewer "
            f"accepts the power, add `{capability}` to `may_cause`",
            notes=(f"it can make {counted(others, 'more bot')} break this boundary",)
            if others
            else (),
        )


CHECK = ConfusedDeputy()


def _label(graph: FleetGraph, hop: Hop) -> Label:
    source, target = graph.vertices[hop.source], graph.starts[hop.target]
    return Label(target.rule.span, f"`{hop.event}` of `{source}` starts `{target.node}`")
