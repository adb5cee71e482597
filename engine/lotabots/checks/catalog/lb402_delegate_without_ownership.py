"""A boundary delegates to a bot that does not own the capability.

## Why
``delegate:`` tells everybody whom to ask instead. If that bot does not own the capability either,
nobody does the work, and each rejection sends people the wrong way.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: deploy.staging, delegate: TestBot, reason: does not deploy}]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:3:47: error[LB402] `TestBot` does not own `deploy.staging`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
boundaries: [{deny: deploy.staging, reason: does not deploy}]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.authority import Closures
from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.capability import covers, globs_meet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot, Boundary


class DelegateWithoutOwnership:
    """See the module."""

    info = CheckInfo("LB402", "delegate-without-ownership", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per boundary."""
        closures = Closures(workspace.fleet.capabilities)
        known = workspace.capabilities
        for bot in workspace.fleet.bots:
            for boundary in bot.boundaries:
                delegate = workspace.graph.bots.get(boundary.delegate)
                if delegate is None or boundary.deny not in known:
                    continue
                if workspace.trusts(delegate.path) and not _owns(
                    delegate, boundary, closures, known
                ):
                    yield self._finding(bot, boundary, delegate)

    def _finding(self, bot: Bot, boundary: Boundary, delegate: Bot) -> Diagnostic:
        return self.info.at(
            Label(boundary.at("delegate")),
            f"`{delegate.name}` does not own `{boundary.deny}`",
            subject=f"{bot.name} {boundary.deny} {delegate.name}",
            related=(Label(delegate.at("scope"), f"what `{delegate.name}` owns"),),
            help=f"name its owner, or add it to the `scope` of `{delegate.name}`",
        )


CHECK = DelegateWithoutOwnership()


def _owns(delegate: Bot, boundary: Boundary, closures: Closures, known: frozenset[str]) -> bool:
    """Whether `delegate` owns all or a part of what `boundary` denies, by name or implication.

    An action counts too: if its capability is not in the scope, LB302 says it.
    """
    if any(claim.capability not in known for claim in delegate.scope):
        return True  # a misspelt entry may be the missing one: LB103 says it
    held = [(claim.capability, claim.on) for claim in delegate.scope]
    held += [(action.capability, action.on) for action in delegate.actions if action.capability]
    return any(
        globs_meet(boundary.on, on)
        and any(
            covers(boundary.deny, name) or covers(name, boundary.deny)
            for name in closures.implied(capability)
        )
        for capability, on in held
    )
