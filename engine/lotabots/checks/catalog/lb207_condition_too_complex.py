"""A condition that is too complex to be analysed exactly.

## Why
The analysis is bounded. A condition beyond the bound still works at run time, but nothing is
proved about it: it counts as possible in loops and routes. That must not happen silently.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {a: string, b: string, c: string, d: string, e: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - type: event
    pattern: build.completed
    when: >-
      (payload.a.contains("x") || payload.b.contains("x") || payload.c.contains("x") || payload.d.contains("x") || payload.e.contains("x")) &&
      (payload.a.contains("y") || payload.b.contains("y") || payload.c.contains("y") || payload.d.contains("y") || payload.e.contains("y")) &&
      (payload.a.contains("z") || payload.b.contains("z") || payload.c.contains("z") || payload.d.contains("z") || payload.e.contains("z")) &&
      (payload.a.contains("w") || payload.b.contains("w") || payload.c.contains("w") || payload.d.contains("w") || payload.e.contains("w"))
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:6:11: warning[LB207] nothing can be proved about this condition: the condition splits into more than 512 cases
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {a: string, b: string, c: string, d: string, e: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - type: event
    pattern: build.completed
    when: >-
      (payload.a.contains("x") || payload.b.contains("x") || payload.c.contains("x") || payload.d.contains("x") || payload.e.contains("x"))
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import conditions
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ConditionTooComplex:
    """See the module."""

    info = CheckInfo("LB207", "condition-too-complex", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per condition."""
        feasibility = workspace.graph.feasibility
        for condition in conditions(workspace):
            doubts = (feasibility.doubt(condition.when, event) for event in condition.events)
            doubt = next((reason for reason in doubts if reason), "")
            if doubt:
                yield self.info.at(
                    Label(condition.start.rule.at("when")),
                    f"nothing can be proved about this condition: {doubt}",
                    subject=condition.start.node,
                    help="split it into several triggers, or into several fields of the event",
                )


CHECK = ConditionTooComplex()
