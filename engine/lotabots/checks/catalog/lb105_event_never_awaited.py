"""An event that nobody awaits, or that nobody uses at all.

## Why
An event without a consumer is either a forgotten trigger or the end of a chain. If it is meant to
be an end (a record for people), say ``terminal: true`` in the catalogue.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string, branch: string}
  build.completed:
    emitters: [BuildBot]
    payload: {repository: string, branch: string}
  test.completed:
    emitters: [TestBot]
    payload: {repository: string}
```
```text
rules/bots/testbot.yaml:5:78: warning[LB105] nobody awaits `test.completed`
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string, branch: string}
  build.completed:
    emitters: [BuildBot]
    payload: {repository: string, branch: string}
  test.completed:
    terminal: true
    emitters: [TestBot]
    payload: {repository: string}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.names import SCHEDULE_TICK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.event import EventType


class EventNeverAwaited:
    """See the module."""

    info = CheckInfo("LB105", "event-never-awaited", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per event."""
        if not workspace.trusts_bots:
            return
        routed = {route.event for route in workspace.graph.routes}
        for event in workspace.fleet.events.values():
            if event.terminal or event.name == SCHEDULE_TICK:
                continue
            if workspace.graph.consumers.get(event.name) or workspace.doubts.awaiting:
                continue
            if event.name not in routed:
                yield from self._judge(workspace, event)

    def _judge(self, workspace: Workspace, event: EventType) -> Iterator[Diagnostic]:
        makers = workspace.graph.producers.get(event.name, ())
        declared = Label(event.span, "declared here")
        if makers:
            yield self.info.at(
                Label(makers[0].place),
                f"nobody awaits `{event.name}`",
                subject=event.name,
                related=(declared,),
                help="add a trigger for it, or declare it `terminal: true`",
            )
        elif event.external or not event.emitters:
            what = "awaits" if event.external else "emits or awaits"
            yield self.info.at(
                Label(event.span),
                f"nobody {what} `{event.name}`",
                subject=event.name,
                help="add a trigger for it, declare it `terminal: true`, or remove it",
            )


CHECK = EventNeverAwaited()
