"""A phase or category that ``rules/fleet.yaml`` does not list.

## Why
The rollout starts bots phase by phase. A bot of a phase that is not in the list would never be
started, nor any bot with a phase if ``rollout:`` names one that is not; a category that is not in
the list is nobody's responsibility.

## Bad
```yaml
# file: rules/fleet.yaml
fleet: {name: example, version: 1.0.0, rollout: croe}
categories: {development: Code quality and builds}
phases: [{name: core, doc: First}, {name: later, doc: Then}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0, category: developement, phase: lateer}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:1:48: error[LB117] unknown category `developement`
rules/bots/testbot.yaml:1:69: error[LB117] unknown phase `lateer`
rules/fleet.yaml:1:49: error[LB117] unknown phase `croe`
```

## Good
```yaml
# file: rules/fleet.yaml
fleet: {name: example, version: 1.0.0, rollout: later}
categories: {development: Code quality and builds}
phases: [{name: core, doc: First}, {name: later, doc: Then}]
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0, category: development, phase: later}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import FLEET, CheckInfo, Workspace
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic


class UnknownPhaseOrCategory:
    """See the module."""

    info = CheckInfo("LB117", "unknown-phase-or-category", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown name."""
        if not workspace.trusts(FLEET):
            return
        settings, bots = workspace.fleet.settings, workspace.fleet.bots
        categories = [Use(bot.category, bot, ("category",)) for bot in bots if bot.category]
        phases = [Use(bot.phase, bot, ("phase",)) for bot in bots if bot.phase]
        if settings.rollout:
            phases.append(Use(settings.rollout, settings, ("rollout",)))
        known = [phase.name for phase in settings.phases]
        cure = f"declare it in `{FLEET}`"
        yield from unknown(self.info, "category", categories, known=settings.categories, cure=cure)
        yield from unknown(self.info, "phase", phases, known=known, cure=cure)


CHECK = UnknownPhaseOrCategory()
