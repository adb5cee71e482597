"""A gate that can never be complete.

## Why
An `all` gate needs every part. If one of them is an event that no started bot can send, or that
only comes after the gate has opened, the gate stays shut and what it should start never starts.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  test.completed: {emitters: [TestBot], payload: {repository: string}}
  release.ready: {emitters: [gate.release], payload: {repository: string}}
# file: rules/gates.yaml
gates:
  - name: release
    all:
      - {pattern: build.completed, from: BuildBot}
      - {pattern: test.completed, from: TestBot}
    join_on: [payload.repository]
    within: 1h
    then: {emit: release.ready}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: gate.release}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: release.ready, from: gate.release}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
outputs: [{type: message, event: test.completed, destination: gate.release}]
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: gate.release, via: [build.completed]}
  - {from: TestBot, to: gate.release, via: [test.completed]}
  - {from: gate.release, to: TestBot, via: [release.ready]}
```
```text
rules/gates.yaml:2:11: error[LB121] `gate.release` can never be complete
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
  test.completed: {emitters: [TestBot], payload: {repository: string}}
  release.ready: {terminal: true, emitters: [gate.release], payload: {repository: string}}
# file: rules/gates.yaml
gates:
  - name: release
    all:
      - {pattern: build.completed, from: BuildBot}
      - {pattern: test.completed, from: TestBot}
    join_on: [payload.repository]
    within: 1h
    then: {emit: release.ready}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs:
  - {type: message, event: build.completed, destination: TestBot}
  - {type: message, event: build.completed, destination: gate.release}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
outputs: [{type: message, event: test.completed, destination: gate.release}]
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
  - {from: BuildBot, to: gate.release, via: [build.completed]}
  - {from: TestBot, to: gate.release, via: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnreachableGate:
    """See the module."""

    info = CheckInfo("LB121", "unreachable-gate", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per gate."""
        reach = workspace.reach
        graph = workspace.graph
        for node in sorted(reach.gates):
            parts = graph.starts_of.get(node, ())
            yield self.info.at(
                Label(graph.gates[node].at("name")),
                f"`{node}` can never be complete",
                subject=node,
                related=tuple(
                    Label(graph.starts[part].rule.span, "never comes")
                    for part in parts
                    if part not in reach.started
                ),
                help="take its parts from events that can come before the gate is complete",
            )


CHECK = UnreachableGate()
