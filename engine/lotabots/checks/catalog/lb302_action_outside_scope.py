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
from lotabots.diagnostics.codes import OUTSIDE_SCOPE
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.legality import Law

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Action, Bot


class ActionOutsideScope:
    """See the module."""

    info = CheckInfo("LB302", "action-outside-scope", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per action."""
        law = Law(workspace.fleet, workspace.graph)
        known = workspace.capabilities
        for bot in workspace.fleet.bots:
            if any(claim.capability not in known for claim in bot.scope):
                continue  # a misspelt entry may be the missing one: LB103 says it
            for action in bot.actions:
                unknown = action.capability != "" and action.capability not in known
                if unknown or _plainly_owned(bot, action):
                    continue
                refused = law.power(bot, action, approved=True)
                if refused is not None and refused.code == OUTSIDE_SCOPE.code:
                    yield self._finding(bot, action, refused.reason)

    def _finding(self, bot: Bot, action: Action, reason: str) -> Diagnostic:
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


def _plainly_owned(bot: Bot, action: Action) -> bool:
    """Whether the scope has the capability by its own name: the usual case, quickly told."""
    name = action.capability
    return any(claim.capability == name and claim.on in ("*", action.on) for claim in bot.scope)
