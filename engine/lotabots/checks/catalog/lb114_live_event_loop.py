"""Events that may go round for ever.

## Why
When the result of a bot starts, through others, the same bot again, one event from outside becomes
an endless stream: the hop limit stops each chain, and every bot on the way has worked for nothing.
A loop is broken by a condition that a later round cannot meet (``event.hops < 3``), by a gate that
waits for something from outside, or by not sending the event.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git, TestBot], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: fix, type: execute, capability: test.run, command: fix, emits: [change.pushed]}
outputs: [{type: message, event: change.pushed, destination: BuildBot}]
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
  - {from: TestBot, to: BuildBot, via: [change.pushed]}
```
```text
rules/bots/buildbot.yaml:3:12: error[LB114] events go round: `BuildBot` -> `TestBot` -> `BuildBot`
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git, TestBot], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot, when: event.hops < 3}]
actions:
  - {name: fix, type: execute, capability: test.run, command: fix, emits: [change.pushed]}
outputs: [{type: message, event: change.pushed, destination: BuildBot}]
# file: graphs/dependencies.yaml
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
  - {from: TestBot, to: BuildBot, via: [change.pushed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import example
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.diagnostics.words import counted
from lotabots.graph.loops import fixed_by, live_loops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.loops import Loop
    from lotabots.graph.nodes import Hop


class LiveEventLoop:
    """See the module."""

    info = CheckInfo("LB114", "live-event-loop", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per group of bots and gates in which events can go round."""
        for loop in live_loops(workspace.graph, workspace.fleet.settings.max_hops):
            yield self._finding(workspace.graph, loop)

    def _finding(self, graph: FleetGraph, loop: Loop) -> Diagnostic:
        steps = [hop for hop in loop.hops if hop.event]
        round_ = [graph.vertices[hop.source] for hop in steps]
        others = len(loop.nodes) - len(set(round_))
        more, several = "more bot or gate goes", "more bots and gates go"
        first = graph.starts[steps[-1].target]
        return self.info.at(
            Label(first.rule.span, f"`{first.node}` starts again here"),
            "events go round: " + " -> ".join(f"`{node}`" for node in (*round_, round_[0])),
            subject=" -> ".join((*round_, round_[0])),
            related=tuple(_label(graph, hop) for hop in steps),
            help="break the loop: a condition such as `event.hops < 3`, a gate with a part from "
            "outside, or one output less",
            notes=(f"{counted(others, more, many=several)} round with them",) if others > 0 else (),
            example=_example(graph, steps[-1]),
        )


CHECK = LiveEventLoop()


def _label(graph: FleetGraph, hop: Hop) -> Label:
    source = graph.vertices[hop.source]
    route = ("type",) if source in graph.bots else ("then", "emit")
    place = hop.made.at(*route) if hop.made else graph.starts[hop.source].rule.span
    return Label(place, f"`{source}` sends `{hop.event}` to `{graph.vertices[hop.target]}`")


def _example(graph: FleetGraph, hop: Hop) -> str:
    """The event that starts the next round."""
    when = graph.starts[hop.target].rule.when
    return example(graph.feasibility, when, hop.event, fixed=fixed_by(graph, hop))
