"""A condition refuses every event that is sent to it.

## Why
The condition could be met, but not by what arrives: each sender sets the field it asks for to
another value. The trigger is dead, and so is what it should start.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - name: build
    capability: build
    command: build
    emits: [{type: build.completed, set: {outcome: failure}}]
outputs: [{type: message, event: build.completed, destination: TestBot}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, when: 'payload.outcome == "success"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:51: error[LB123] no `build.completed` that is sent to `TestBot` can meet this condition
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, when: 'payload.outcome == "success"'}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Start


class TriggerNeverFires:
    """See the module."""

    info = CheckInfo("LB123", "trigger-never-fires", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger or part."""
        graph = workspace.graph
        for number in sorted(workspace.reach.shut):
            start = graph.starts[number]
            yield self.info.at(
                Label(start.rule.at("when")),
                f"no `{start.rule.pattern}` that is sent to `{start.node}` can meet this condition",
                subject=f"{start.node} {start.rule.pattern}",
                related=tuple(_senders(graph, start, graph.awaited[number])),
                help="correct the condition, or what the senders `set:`",
            )


CHECK = TriggerNeverFires()


def _senders(graph: FleetGraph, start: Start, events: tuple[str, ...]) -> Iterator[Label]:
    for event in events:
        for made in graph.producers.get(event, ())[:3]:
            if start.accepts(made.node):
                yield Label(made.rule.at("set"), f"`{made.node}` sets this")
