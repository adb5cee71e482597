"""Nobody can tell whether an invariant holds.

## Why
The analysis of conditions is exact, and therefore bounded: with very many cases in one condition it
gives up. An invariant whose proof needs such a condition is not known to hold, and what is not
proved is not green. The way that could not be ruled out is told as for LB911.

## Bad
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {a: string, b: string, c: string, d: string, e: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/invariants.yaml
invariants:
  - name: tests-follow-signed-builds
    doc: a test of an unsigned build says nothing
    every_path_to: test.completed
    passes: [{event: build.completed, when: payload.a == "xyzw"}]
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
rules/invariants.yaml:5:14: error[LB904] `tests-follow-signed-builds` is not proved: whether `test.completed` needs `build.completed` with `payload.a == "xyzw"` is not known, because the condition splits into more than 512 cases
```

## Good
```yaml
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {emitters: [BuildBot], payload: {a: string, b: string, c: string, d: string, e: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: rules/invariants.yaml
invariants:
  - name: tests-follow-signed-builds
    doc: a test of an unsigned build says nothing
    every_path_to: test.completed
    passes: [{event: build.completed, when: payload.a == "xyzw"}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, when: payload.a == "xyzw"}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.invariants import passed, shown
from lotabots.checks.story import Story
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.proofs import Around
    from lotabots.diagnostics.diagnostic import Diagnostic


class UnprovedInvariant:
    """See the module."""

    info = CheckInfo("LB904", "unproved-invariant", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per passage that could not be proved."""
        for around in workspace.proofs.around:
            if around.doubt:
                yield self._finding(workspace, around)

    def _finding(self, workspace: Workspace, around: Around) -> Diagnostic:
        one = around.invariant
        story = Story(workspace, around.chain, one.target.when)
        wanted = " or ".join(map(passed, around.passes)) or "a person's approval"
        return self.info.at(
            Label(around.passes[0].span if one.passes else one.at(one.kind.value)),
            f"`{one.name}` is not proved: whether {shown(one.target)} needs {wanted} "
            f"is not known, because {around.doubt}",
            subject=f"{one.name} {' '.join(passage.event for passage in around.passes)}",
            related=story.labels,
            help="split the condition on this way into several triggers or parts",
            notes=(f"why it must hold: {one.doc}", *story.notes),
        )


CHECK = UnprovedInvariant()
