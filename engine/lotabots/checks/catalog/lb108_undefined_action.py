"""A trigger does not name one action of its bot.

## Why
A trigger starts exactly one action. Without ``action:`` it starts the only one; a bot with several
has to say which, or nothing starts.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, action: tset}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:4:69: error[LB108] `TestBot` has no action `tset`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot, action: test}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.codec.codec import did_you_mean, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot, Trigger


class UndefinedAction:
    """See the module."""

    info = CheckInfo("LB108", "undefined-action", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger."""
        for bot in workspace.fleet.bots:
            for trigger in bot.triggers:
                if bot.action(trigger.action) is None:
                    yield self._finding(bot, trigger)

    def _finding(self, bot: Bot, trigger: Trigger) -> Diagnostic:
        names = [action.name for action in bot.actions]
        if trigger.action:
            message = f"`{bot.name}` has no action `{trigger.action}`"
            cure = did_you_mean(trigger.action, names) or "add it to `actions`"
        elif names:
            message = f"this trigger does not say which action of `{bot.name}` it starts"
            cure = f"add `action:` with {one_of(names)}"
        else:
            message = f"`{bot.name}` has no action to start"
            cure = "add it under `actions`"
        return self.info.at(Label(trigger.at("action")), message, subject=bot.name, help=cure)


CHECK = UndefinedAction()
