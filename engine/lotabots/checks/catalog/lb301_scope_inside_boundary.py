"""A bot owns what its own boundary denies.

## Why
Boundaries win: what is inside one is rejected, whoever owns it. A scope entry inside a boundary of
the same bot, by itself or by what it implies, is a contradiction that makes its actions dead.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test, code.modify.formatting]
boundaries: [{deny: code.modify, reason: does not fix failing tests}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:2:15: error[LB301] `TestBot` owns `code.modify.formatting`, which its boundary denies
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test, code.modify.formatting]
boundaries:
  - {deny: code.modify, except: [code.modify.formatting], reason: does not fix failing tests}
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.authority import Closures, contradictions
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.power import narrows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ScopeInsideBoundary:
    """See the module."""

    info = CheckInfo("LB301", "scope-inside-boundary", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per scope entry and boundary."""
        closures = Closures(workspace.fleet.capabilities)
        for bot in workspace.fleet.bots:
            for claim, boundary, denied in contradictions(bot, closures):
                implied = denied != claim.capability
                yield self.info.at(
                    Label(claim.at("capability")),
                    f"`{bot.name}` owns `{claim.capability}`, which "
                    + (f"implies `{denied}`, which " if implied else "")
                    + "its boundary denies",
                    subject=f"{bot.name} {claim.capability}",
                    related=(Label(boundary.at("deny"), "denied here"),),
                    help=f"remove one of them, or add `except: [{denied}]` to the boundary"
                    if narrows(boundary, denied)
                    else "remove one of them",
                )


CHECK = ScopeInsideBoundary()
