"""An accepted indirect power that the bot does not have.

## Why
``may_cause:`` is a reviewer's signature under an indirect power. An entry that excuses nothing
would silently accept a power that a later change brings in.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: test.run, delegate: TestBot, reason: does not run tests}]
may_cause: [test.run, deploy.production]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:4:23: warning[LB602] `BuildBot` may cause `deploy.production`, but no boundary asks for that
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: test.run, delegate: TestBot, reason: does not run tests}]
may_cause: [test.run]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.authority import acceptances
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnusedMayCause:
    """See the module."""

    info = CheckInfo("LB602", "unused-may-cause", Severity.WARNING, "0.1", last=True)

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per entry."""
        if not any(bot.may_cause for bot in workspace.fleet.bots):
            return
        known = workspace.capabilities
        used = {
            (breach.bot.name, name)
            for breach, accepted in acceptances(workspace)
            for name in accepted
        }
        for bot in workspace.fleet.bots:
            for number, name in enumerate(bot.may_cause):
                if (bot.name, name) not in used and name in known:
                    yield self.info.at(
                        Label(bot.at("may_cause", number)),
                        f"`{bot.name}` may cause `{name}`, but no boundary asks for that",
                        subject=f"{bot.name} {name}",
                        help="remove it",
                    )


CHECK = UnusedMayCause()
