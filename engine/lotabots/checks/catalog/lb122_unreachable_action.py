"""An action that nothing starts.

## Why
An action that no trigger names, or whose triggers wait for what only comes after it, holds
capabilities and grants that nobody uses. It is left over, or its trigger is wrong.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot, action: test}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
  - {name: publish, type: execute, capability: test.report, command: publish}
```
```text
rules/bots/testbot.yaml:6:12: warning[LB122] nothing starts the action `publish` of `TestBot`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot, action: test}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.reachability import Reachability
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Action, Bot


class UnreachableAction:
    """See the module."""

    info = CheckInfo("LB122", "unreachable-action", Severity.WARNING, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per action of a bot that is otherwise started."""
        reach = workspace.reach
        for bot in workspace.fleet.bots:
            starts = workspace.graph.starts_of.get(bot.name, ())
            if bot.name not in reach.unmet and not reach.started.isdisjoint(starts):
                yield from self._judge(workspace, bot, reach)

    def _judge(self, workspace: Workspace, bot: Bot, reach: Reachability) -> Iterator[Diagnostic]:
        graph = workspace.graph
        started_by: dict[str, list[int]] = defaultdict(list)
        for number in graph.starts_of[bot.name]:
            action = graph.starts[number].action
            if action is None:
                return  # a misspelt action may be any of them: LB108 says it
            started_by[action.name].append(number)
        for action in bot.actions:
            starts = started_by[action.name]
            waiting = not starts or not reach.bots.get(bot.name, frozenset()).isdisjoint(starts)
            if waiting and reach.started.isdisjoint(starts):
                related = (Label(graph.starts[n].rule.span, "never fires") for n in starts)
                yield self._finding(bot, action, tuple(related))

    def _finding(self, bot: Bot, action: Action, related: tuple[Label, ...]) -> Diagnostic:
        return self.info.at(
            Label(action.at("name")),
            f"nothing starts the action `{action.name}` of `{bot.name}`",
            subject=f"{bot.name} {action.name}",
            related=related,
            help="let something else than its own results start it"
            if related
            else f"add a trigger with `action: {action.name}`, or remove the action",
        )


CHECK = UnreachableAction()
