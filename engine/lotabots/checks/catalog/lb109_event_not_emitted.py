"""A bot routes an event that it does not emit.

## Why
An output line says where an event of this bot goes. If no action of the bot emits the event, the
line does nothing, and whoever waits for it waits for ever.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs:
  - {type: message, event: build.completed, destination: TestBot}
  - {type: message, event: test.completed, destination: TestBot}
```
```text
rules/bots/buildbot.yaml:8:28: error[LB109] `BuildBot` does not emit `test.completed`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs:
  - {type: message, event: build.completed, destination: TestBot}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot


class EventNotEmitted:
    """See the module."""

    info = CheckInfo("LB109", "event-not-emitted", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per output line."""
        for bot in workspace.fleet.bots:
            if bot.name not in workspace.doubts.emitting:
                yield from self._judge(workspace, bot)

    def _judge(self, workspace: Workspace, bot: Bot) -> Iterator[Diagnostic]:
        emitted = {emission.type for action in bot.actions for emission in action.emits}
        for output in bot.outputs:
            if output.event in emitted or (not output.event and emitted):
                continue
            event = workspace.fleet.events.get(output.event)
            if output.event and (event is None or bot.name in event.emitters):
                continue  # LB101 and LB106 say it
            message = (
                f"`{bot.name}` does not emit `{output.event}`"
                if output.event
                else f"`{bot.name}` emits no event that could go to `{output.destination}`"
            )
            yield self.info.at(
                Label(output.at("event")),
                message,
                subject=f"{bot.name} {output.event}",
                help=f"add it to the `emits:` of an action of `{bot.name}`, or remove this line",
            )


CHECK = EventNotEmitted()
