"""A trigger that an earlier one of the same bot always forestalls.

## Why
The triggers of a bot are tried in the order of the file, and the first that holds decides. A later
one that only holds when an earlier one does is never reached; often it is the more careful one.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, from: BuildBot}
  - {type: event, pattern: build.completed, when: 'payload.branch == "main"', from: BuildBot}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:5:5: error[LB206] this trigger of `TestBot` never decides: an earlier one always does
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers:
  - {type: event, pattern: build.completed, when: 'payload.branch == "main"', from: BuildBot}
  - {type: event, pattern: build.completed, from: BuildBot}
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.conditions import example
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.nodes import Start


class ShadowedTrigger:
    """See the module."""

    info = CheckInfo("LB206", "shadowed-trigger", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per trigger."""
        graph = workspace.graph
        for bot in workspace.fleet.bots:
            numbers = [n for n in graph.starts_of.get(bot.name, ()) if graph.awaited[n]]
            for place, number in enumerate(numbers):
                covers: dict[str, int] = {}
                for event in graph.awaited[number] if place else ():
                    earlier = [n for n in numbers[:place] if event in graph.awaited[n]]
                    cover = _first_cover(workspace, event, number, earlier=earlier)
                    if cover is None:
                        break
                    covers[event] = cover
                else:
                    if covers:
                        yield self._finding(workspace, number, covers)

    def _finding(self, workspace: Workspace, number: int, covers: dict[str, int]) -> Diagnostic:
        graph = workspace.graph
        start, (event, earlier) = graph.starts[number], next(iter(covers.items()))
        return self.info.at(
            Label(start.rule.span),
            f"this trigger of `{start.node}` never decides: an earlier one always does",
            subject=f"{start.node} {start.rule.pattern}",
            related=(Label(graph.starts[earlier].rule.span, "this one decides"),),
            help="put the narrower trigger first, or remove one of them",
            example=example(graph.feasibility, start.rule.when, event),
        )


CHECK = ShadowedTrigger()


def _first_cover(
    workspace: Workspace, event: str, number: int, *, earlier: list[int]
) -> int | None:
    """The first of `earlier` that holds whenever the start `number` does, for `event`."""
    feasibility = workspace.graph.feasibility
    start = workspace.graph.starts[number]
    if not feasibility.possible(start.rule.when, event):
        return None  # LB204 says it
    for other in earlier:
        if feasibility.stopped_at is not None:
            return None  # LB207 says it
        before = workspace.graph.starts[other]
        if _lets_in_all_of(before, start) and feasibility.implies(
            start.rule.when, before.rule.when, event
        ):
            return other
    return None


def _lets_in_all_of(before: Start, start: Start) -> bool:
    """Whether the ``from:`` of `before` lets in everybody that the one of `start` does."""
    wide, narrow = before.rule.source, start.rule.source
    return (
        not wide or wide == narrow or ("*" not in narrow and narrow != "" and matches(wide, narrow))
    )
