"""A grant of the whole file system.

## Why
A sandbox that shows everything protects nothing, so a run with such a grant is refused. What the
action needs is smaller: a placeholder, or the folders that it reads.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits: [test.completed]
    grants: {read: [/]}
```
```text
rules/bots/testbot.yaml:9:21: warning[LB311] `test` of `TestBot` is granted the whole file system
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits: [test.completed]
    grants: {read: ['{repository}']}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.grant_form import whole_file_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class GrantOfEverything:
    """See the module."""

    info = CheckInfo("LB311", "grant-of-everything", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per grant."""
        for bot in workspace.fleet.bots:
            for action in bot.actions:
                grants = action.grants
                paths = {"read": grants.read, "write": grants.write, "exec": grants.exec}
                for key, those in paths.items():
                    for number, path in enumerate(those):
                        if whole_file_system(path):
                            yield self.info.at(
                                Label(grants.at(key, number)),
                                f"`{action.name}` of `{bot.name}` is granted the whole file system",
                                subject=f"{bot.name} {action.name}",
                                help="name the folders that it needs, or use a placeholder",
                            )


CHECK = GrantOfEverything()
