"""A condition that is too complex to be analysed exactly.

## Why
The analysis is bounded. A condition beyond the bound still works at run time, but nothing is
proved about it: it counts as possible in loops and routes. That must not happen silently.

The work for all conditions of a fleet together is bounded as well, in steps that are counted and
not in time: the same fleet has the same findings everywhere. When the steps are spent, one finding
names the condition at which that happened, and about later ones only what is plain is said. Mostly
the cause is one bot with very many triggers on one event, which are compared with each other.

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

from itertools import islice
from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import conditions
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.graph.feasibility import MAX_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class ConditionTooComplex:
    """See the module."""

    info = CheckInfo("LB207", "condition-too-complex", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per condition, and one if the steps of the whole fleet were spent."""
        feasibility = workspace.graph.feasibility
        found = tuple(conditions(workspace))
        for condition in found:
            doubts = (feasibility.doubt(condition.when, event) for event in condition.events)
            doubt = next((reason for reason in doubts if reason), "")
            if doubt:
                yield self.info.at(
                    Label(condition.start.rule.at("when")),
                    f"nothing can be proved about this condition: {doubt}",
                    subject=condition.start.node,
                    help="split it into several triggers, or into several fields of the event",
                )
        _ = workspace.reach  # the last analysis that asks: afterwards it is known what was spent
        stopped = (one.start for one in found if one.when == feasibility.stopped_at)
        for start in islice(stopped, 1):
            yield self.info.at(
                Label(start.rule.at("when")),
                "nothing more can be proved about conditions from this one on: "
                f"all of them together take more than {MAX_STEPS:,} steps",
                subject=start.node,
                help="write fewer `||` in one condition, narrow triggers with `from:`, or divide "
                "the triggers of one event between several bots",
            )


CHECK = ConditionTooComplex()
