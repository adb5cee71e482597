"""An action that exercises what a boundary of its bot denies.

## Why
A boundary is a promise to everybody else. An action inside one, by its capability or by what that
implies (``implies:`` in ``rules/capabilities.yaml``), is rejected each time it is started. A
capability stands for all that is declared below it, so what those imply counts, too.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: test.run, on: production, reason: tests never touch production}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:6:45: error[LB303] the action `test` breaks a boundary of `TestBot`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: test.run, on: production, reason: tests never touch production}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    on: staging
    command: test
    emits: [test.completed]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.authority import Closures, contradictions
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.capability import covers
from lotabots.policy.power import forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Action, Bot, Boundary


class ActionInsideBoundary:
    """See the module."""

    info = CheckInfo("LB303", "action-inside-boundary", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per action and boundary."""
        closures = Closures(workspace.fleet.capabilities)
        for bot in workspace.fleet.bots:
            for action in bot.actions if bot.boundaries else ():
                if action.capability in workspace.capabilities:  # LB103 says the rest
                    yield from self._judge(bot, action, closures)

    def _judge(self, bot: Bot, action: Action, closures: Closures) -> Iterator[Diagnostic]:
        exercised = closures.of(action.capability)
        for boundary in bot.boundaries:
            denied = next(forbidden(boundary, exercised, on=action.on), "")
            if denied and not boundary.unless_approved:  # those are for LB304
                told = any(
                    other is boundary and covers(claim.capability, action.capability)
                    for claim, other, _ in contradictions(bot, closures)
                )
                if not told:  # LB301 says it
                    yield self._finding(bot, action, boundary, denied=denied)

    def _finding(self, bot: Bot, action: Action, boundary: Boundary, *, denied: str) -> Diagnostic:
        by = "" if denied == action.capability else f" by implying `{denied}`"
        message = f"the action `{action.name}` breaks a boundary of `{bot.name}`{by}"
        return self.info.at(
            Label(action.at("capability")),
            message,
            subject=f"{bot.name} {action.name}",
            related=(Label(boundary.at("deny"), boundary.reason or "denied here"),),
            help=f"leave it to `{boundary.delegate}`"
            if boundary.delegate
            else "let another bot do it, or narrow the boundary with `except:` or `on:`",
        )


CHECK = ActionInsideBoundary()
