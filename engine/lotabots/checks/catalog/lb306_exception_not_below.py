"""An exception that is not a part of what its boundary denies.

## Why
``except:`` carves a part out of a boundary. An entry that is as wide as ``deny:``, or wider, would
leave nothing of it; one beside it would change nothing. Such an entry is ignored when events are
decided, so the boundary denies more than whoever wrote the exception believes.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: code.modify.formatting, except: [code.modify], reason: does not fix}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:3:54: error[LB306] `code.modify` is not a part of `code.modify.formatting`, so it cannot be an exception
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: code.modify, except: [code.modify.formatting], reason: does not fix}]
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
from lotabots.policy.power import narrows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ExceptionNotBelow:
    """See the module."""

    info = CheckInfo("LB306", "exception-not-below", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per exception. Names that nobody declares are for LB103."""
        known = workspace.capabilities
        for bot in workspace.fleet.bots:
            for boundary in bot.boundaries:
                for number, allowed in enumerate(boundary.except_):
                    if narrows(boundary, allowed) or not known.issuperset((allowed, boundary.deny)):
                        continue
                    yield self.info.at(
                        Label(boundary.at("except", number)),
                        f"`{allowed}` is not a part of `{boundary.deny}`, so it cannot be an exception",
                        subject=f"{bot.name} {boundary.deny} {allowed}",
                        related=(Label(boundary.at("deny"), "denied here"),),
                        help="name a capability below the denied one, or change the boundary",
                    )


CHECK = ExceptionNotBelow()
