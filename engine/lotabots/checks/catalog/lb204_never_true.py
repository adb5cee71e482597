"""A condition that no event can meet.

## Why
A condition that contradicts itself, or asks for what the type of the event excludes, makes its
trigger dead. The analysis is exact: every value that the schema allows has been considered.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - type: event
    pattern: build.completed
    when: payload.branch == "main" && payload.branch.startsWith("release/")
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:6:11: error[LB204] no `build.completed` can meet this condition
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - type: event
    pattern: build.completed
    when: payload.branch == "main" || payload.branch.startsWith("release/")
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import conditions
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class NeverTrue:
    """See the module."""

    info = CheckInfo("LB204", "never-true", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per condition that is false for every event type it judges."""
        possible = workspace.graph.feasibility.possible
        for condition in conditions(workspace):
            when, events = condition.when, condition.events
            if events and not any(possible(when, event) for event in events):
                rule = condition.start.rule
                yield self.info.at(
                    Label(rule.at("when")),
                    f"no `{rule.pattern}` can meet this condition",
                    subject=condition.start.node,
                    help="look for clauses that exclude each other, or write `||` for `&&`",
                )


CHECK = NeverTrue()
