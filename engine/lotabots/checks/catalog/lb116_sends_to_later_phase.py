"""A bot sends to a bot of a later deployment phase.

## Why
While the fleet is rolled out phase by phase, a bot of a later phase is not started: what is sent
to it until then is rejected. Alerts of the first phase that only a bot of the third can deliver
reach nobody.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0, phase: core}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0, phase: later}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/buildbot.yaml:6:64: warning[LB116] `BuildBot` of phase `core` sends to `TestBot` of the later phase `later`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0, phase: core}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0, phase: core}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
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
    from lotabots.model.bot import Bot


class SendsToLaterPhase:
    """See the module."""

    info = CheckInfo("LB116", "sends-to-later-phase", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per pair of bots, at the first output."""
        order = {phase.name: n for n, phase in enumerate(workspace.fleet.settings.phases)}
        bots = workspace.graph.bots
        for bot in bots.values():
            seen: set[str] = set()
            for output in bot.outputs:
                target = bots.get(output.destination)
                if target is None or target.name in seen or bot.phase not in order:
                    continue
                if order.get(target.phase, -1) > order[bot.phase]:
                    seen.add(target.name)
                    yield self._finding(bot, target, Label(output.at("destination")))

    def _finding(self, bot: Bot, target: Bot, place: Label) -> Diagnostic:
        return self.info.at(
            place,
            f"`{bot.name}` of phase `{bot.phase}` sends to `{target.name}` "
            f"of the later phase `{target.phase}`",
            subject=f"{bot.name} -> {target.name}",
            related=(Label(target.at("phase"), "the later phase"),),
            help=f"move `{target.name}` to phase `{bot.phase}`, or send elsewhere until then",
        )


CHECK = SendsToLaterPhase()
