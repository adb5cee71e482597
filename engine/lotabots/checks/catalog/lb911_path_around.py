"""Something comes about without what every path to it must pass.

## Why
``every_path_to`` and ``approved`` say what must have happened before: a test, a scan, a person's
approval. This fleet lets the target come about without it. The finding tells one such way, causes
first, with the events that go it and the rule that lets each of them through. What counts as
passing is only what the engine enforces: a gate or trigger that asks for it. How the proof works,
and what it assumes: docs/invariants.md.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: only-good-builds-are-tested
    doc: a test of a broken build says nothing
    every_path_to: test.completed
    passes: [{event: build.completed, when: payload.outcome == "success"}]
```
```text
rules/invariants.yaml:5:14: error[LB911] `only-good-builds-are-tested` is broken: `test.completed` comes about without `build.completed` with `payload.outcome == "success"`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: only-good-builds-are-tested
    doc: a test of a broken build says nothing
    every_path_to: test.completed
    passes: [{event: build.completed, when: payload.outcome == "success"}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot, when: payload.outcome == "success"}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
dependencies: [BuildBot]
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.invariants import passed, shown
from lotabots.checks.story import Story
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.invariant import InvariantKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.proofs import Around
    from lotabots.diagnostics.diagnostic import Diagnostic


class PathAround:
    """See the module."""

    info = CheckInfo("LB911", "path-around", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per passage, or per invariant if one of several passages is enough."""
        for around in workspace.proofs.around:
            if not around.doubt:
                yield self._finding(workspace, around)

    def _finding(self, workspace: Workspace, around: Around) -> Diagnostic:
        one = around.invariant
        approved = one.kind is InvariantKind.APPROVED
        story = Story(workspace, around.chain, one.target.when)
        place = one.at("approved") if approved else around.passes[0].span
        without = "a person's approval" if approved else " or ".join(map(passed, around.passes))
        return self.info.at(
            Label(place, "not on every path"),
            f"`{one.name}` is broken: {shown(one.target)} comes about without {without}",
            subject=f"{one.name} {' '.join(passage.event for passage in around.passes)}",
            related=story.labels,
            help=_cure(approved=approved),
            notes=(f"why it must hold: {one.doc}", *story.notes),
            example=story.example,
        )


CHECK = PathAround()


def _cure(*, approved: bool) -> str:
    asked = "an approval" if approved else "it"
    return (
        f"let a gate on this way join {asked}, narrow the `when` that lets the event through, "
        "or take the route away; change the invariant only if this way is meant to exist"
    )
