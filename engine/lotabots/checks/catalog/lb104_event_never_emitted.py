"""An event is awaited that nobody emits.

## Why
A trigger or a part of a gate whose event has no source is dead: what it should start never
starts, and nothing says so. ``from:`` counts: an event that somebody else emits is not awaited.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot}
  - {type: event, pattern: change.pushed, from: BuildBot}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:5:49: error[LB104] `BuildBot` does not emit `change.pushed`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot}
  - {type: event, pattern: change.pushed}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import EVENTS, CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.graph.nodes import patterns_meet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Start


class EventNeverEmitted:
    """See the module."""

    info = CheckInfo("LB104", "event-never-emitted", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per start without a source."""
        graph = workspace.graph
        if workspace.doubts.emitting or not workspace.trusts(EVENTS) or not workspace.trusts_bots:
            return
        emits = {(made.node, event) for event, all_ in graph.producers.items() for made in all_}
        fed = {
            number
            for event, numbers in graph.consumers.items()
            for number in numbers
            if _fed(graph, graph.starts[number], event, emits=emits)
        }
        known = {number for number, events in enumerate(graph.awaited) if events}
        for number in sorted(known - fed):
            start = graph.starts[number]
            if not _expected(workspace, start):
                yield self._finding(workspace, start)

    def _finding(self, workspace: Workspace, start: Start) -> Diagnostic:
        rule = start.rule
        event = workspace.fleet.events.get(rule.pattern)
        related = (Label(event.at("emitters"), "declared here"),) if event else ()
        somebody_else = bool(rule.source) and (
            rule.pattern in workspace.graph.producers or rule.pattern in workspace.graph.outside
        )
        return self.info.at(
            Label(rule.at("from" if somebody_else else "pattern")),
            f"`{rule.source}` does not emit `{rule.pattern}`"
            if somebody_else
            else f"nobody emits `{rule.pattern}`",
            subject=f"{start.node} {rule.pattern}",
            related=related,
            help="correct `from:`, or remove it"
            if somebody_else
            else "add it to the `emits:` of an action, or declare it `external: true`",
        )


CHECK = EventNeverEmitted()


def _fed(graph: FleetGraph, start: Start, event: str, *, emits: set[tuple[str, str]]) -> bool:
    """Whether anybody whom ``from:`` lets in emits `event`."""
    wanted = start.rule.source
    if any(not wanted or patterns_meet(wanted, source) for source in graph.outside.get(event, ())):
        return True
    if wanted and "*" not in wanted:
        return (wanted, event) in emits
    return any(start.accepts(made.node) for made in graph.producers.get(event, ()))


def _expected(workspace: Workspace, start: Start) -> bool:
    """Whether the catalogue lists somebody for the event: LB106 or LB102 tells that mistake."""
    wanted = start.rule.source
    if wanted and not workspace.graph.knows(wanted) and "*" not in wanted:
        return True
    events = (workspace.fleet.events.get(start.rule.pattern),)
    return any(
        "*" not in emitter and (not wanted or wanted == emitter)
        for event in events
        if event is not None
        for emitter in event.emitters
    )
