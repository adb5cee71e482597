"""An action that exercises what its bot does not own.

## Why
Scope is what a bot may do; everything else is denied by default. An action without a capability,
or with one that no scope entry covers, is rejected each time it is started.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test.report]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:5:45: error[LB302] `TestBot` does not own `test.run`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test.run]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.power import owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Action, Bot


class ActionOutsideScope:
    """See the module."""

    info = CheckInfo("LB302", "action-outside-scope", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per action."""
        known = workspace.capabilities
        for bot in workspace.fleet.bots:
            if any(claim.capability not in known for claim in bot.scope):
                continue  # a misspelt entry may be the missing one: LB103 says it
            for action in bot.actions:
                unknown = action.capability != "" and action.capability not in known
                if not unknown and not owned(bot, action):
                    yield self._finding(bot, action)

    def _finding(self, bot: Bot, action: Action) -> Diagnostic:
        on = f" on `{action.on}`" if action.on != "*" else ""
        reason = (
            f"`{bot.name}` does not own `{action.capability}`{on}"
            if action.capability
            else f"the action `{action.name}` names no capability"
        )
        return self.info.at(
            Label(action.at("capability")),
            reason,
            subject=f"{bot.name} {action.name}",
            related=(Label(bot.at("scope"), "what it owns"),) if bot.scope else (),
            help=f"add `{action.capability}` to its `scope`, or let its owner do it"
            if action.capability
            else "add `capability:` with what the action exercises",
        )


CHECK = ActionOutsideScope()
