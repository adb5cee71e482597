"""A trigger or part awaits an event that its producer does not send there.

## Why
A bot's ``outputs:`` say where its events go. An event that reaches a matching trigger without such
a line is rejected at run time, each time. Either the line is missing, or the trigger should say
``from:`` whom it means.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: []
```
```text
rules/bots/testbot.yaml:3:35: error[LB112] `BuildBot` does not send `build.completed` to `TestBot`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
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
    from lotabots.graph.nodes import Start

SHOWN = 3


class MissingOutput:
    """See the module."""

    info = CheckInfo("LB112", "missing-output", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per start and event, with the producers that do not send it."""
        for event in workspace.fleet.events:
            for number, nodes in sorted(_unsent(workspace, event).items()):
                start = workspace.graph.starts[number]
                yield self._finding(workspace, start, event, missing=sorted(nodes))

    def _finding(
        self, workspace: Workspace, start: Start, event: str, *, missing: list[str]
    ) -> Diagnostic:
        makers = workspace.graph.producers[event]
        shown = [made for made in makers if made.node in missing][:SHOWN]
        who = f"`{missing[0]}`" + (f" and {len(missing) - 1} more" if missing[1:] else "")
        do = "do" if missing[1:] else "does"
        return self.info.at(
            Label(start.rule.at("pattern")),
            f"{who} {do} not send `{event}` to `{start.node}`",
            subject=f"{missing[0]} -> {start.node}",
            related=tuple(Label(made.rule.at("type"), "emitted here") for made in shown),
            help=f"add `{{type: message, event: {event}, destination: {start.node}}}` to the "
            f"`outputs` of `{missing[0]}`, or narrow this with `from:`",
        )


CHECK = MissingOutput()


def _unsent(workspace: Workspace, event: str) -> dict[int, set[str]]:
    """Start -> the bots whose `event` could set it off, and that do not send it there."""
    graph = workspace.graph
    found: dict[int, set[str]] = defaultdict(set)
    for made in graph.producers.get(event, ()):
        if made.node not in graph.bots or made.node in workspace.doubts.sending:
            continue
        for number in graph.takers.of(made.node, event, fixed=made.fixed, targets=None):
            if Route(made.node, event, graph.starts[number].node) not in graph.routes:
                found[number].add(made.node)
    return found
