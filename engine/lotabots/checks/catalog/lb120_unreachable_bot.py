"""A bot that nothing can ever start.

## Why
A bot without a trigger, or whose triggers wait for bots that wait for it, is never started. The
fleet looks complete on paper and does nothing.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: []
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
# file: rules/events.yaml
events:
  change.pushed: {external: true, emitters: [ingress.git], payload: {repository: string}}
  build.completed: {terminal: true, emitters: [BuildBot], payload: {repository: string}}
  test.completed: {terminal: true, emitters: [TestBot], payload: {repository: string}}
# file: graphs/dependencies.yaml
edges: []
```
```text
rules/bots/testbot.yaml:1:13: error[LB120] nothing can start `TestBot`: it has no trigger
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
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
    from lotabots.model.bot import Bot


class UnreachableBot:
    """See the module."""

    info = CheckInfo("LB120", "unreachable-bot", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per bot."""
        reach = workspace.reach
        graph = workspace.graph
        for bot in workspace.fleet.bots:
            starts = graph.starts_of.get(bot.name, ())
            if bot.name in reach.unmet or not reach.started.isdisjoint(starts):
                continue
            if not starts:
                yield self._finding(bot, "it has no trigger", related=())
            elif bot.name in reach.bots:
                group = sorted(reach.bots[bot.name])
                labels = tuple(Label(graph.starts[v].rule.span, "never fires") for v in group)
                yield self._finding(bot, "no trigger can ever fire", related=labels)

    def _finding(self, bot: Bot, reason: str, *, related: tuple[Label, ...]) -> Diagnostic:
        return self.info.at(
            Label(bot.at("bot", "name")),
            f"nothing can start `{bot.name}`: {reason}",
            subject=bot.name,
            related=related,
            help="add a trigger for an event that comes from outside or from a bot that is started",
        )


CHECK = UnreachableBot()
