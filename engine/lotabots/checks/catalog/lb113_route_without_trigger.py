"""A route to a bot or gate that does not take the event.

## Why
An event that arrives where no trigger matches it does nothing. Either a trigger is missing, or its
``from:`` or ``when:`` shuts this sender out, or the output line is left over.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/buildbot.yaml:6:64: error[LB113] `TestBot` has no trigger for `build.completed`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot, Output


class RouteWithoutTrigger:
    """See the module."""

    info = CheckInfo("LB113", "route-without-trigger", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per output line of which no event arrives."""
        arriving = {(route.source, route.target, route.event) for route in workspace.graph.flows}
        ends = {(source, target) for source, target, _ in arriving}
        for bot in workspace.fleet.bots:
            emitted = dict.fromkeys(e.type for action in bot.actions for e in action.emits)
            for output in bot.outputs:
                target = output.destination
                if not workspace.graph.knows(target) or target in workspace.doubts.awaiting:
                    continue
                sent = tuple(e for e in emitted if output.event in ("", e))
                known = all(event in workspace.fleet.events for event in sent)
                idle = (bot.name, target, output.event) not in arriving
                lost = idle if output.event else (bot.name, target) not in ends
                if sent and known and lost and not _explained(workspace, target, sent):
                    yield self._finding(workspace, bot, output, sent)

    def _finding(
        self, workspace: Workspace, bot: Bot, output: Output, events: tuple[str, ...]
    ) -> Diagnostic:
        graph = workspace.graph
        target = output.destination
        word = "trigger" if target in graph.bots else "part"
        deaf = [
            graph.starts[number]
            for number in graph.starts_of.get(target, ())
            if any(event in graph.awaited[number] for event in events)
        ]
        named = ", ".join(f"`{event}`" for event in events)
        message = (
            f"no {word} of `{target}` can take {named} of `{bot.name}`"
            if deaf
            else f"`{target}` has no {word} for {named}"
        )
        return self.info.at(
            Label(output.at("destination")),
            message,
            subject=f"{bot.name} -> {target}",
            related=tuple(Label(start.rule.span, "does not take it") for start in deaf[:3]),
            help=f"add a {word} to `{target}`, or remove this line",
        )


CHECK = RouteWithoutTrigger()


def _explained(workspace: Workspace, target: str, events: tuple[str, ...]) -> bool:
    """Whether a trigger is there, and its condition is the fault: LB204 or LB123 says it."""
    graph = workspace.graph
    return any(
        event in graph.awaited[number]
        and (
            number in workspace.reach.shut
            or not graph.feasibility.possible(graph.starts[number].rule.when, event)
        )
        for number in graph.starts_of.get(target, ())
        for event in events
    )
