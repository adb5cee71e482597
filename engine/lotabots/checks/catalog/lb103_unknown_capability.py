"""A capability that ``rules/capabilities.yaml`` does not declare.

## Why
A boundary with a misspelt capability denies something else than was meant, so its bot is refused
everything (LR012); a scope with one grants nothing. The names are declared once and compared here.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: code.modfy, reason: does not fix failing tests}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
```text
rules/bots/testbot.yaml:3:21: error[LB103] unknown capability `code.modfy`
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: code.modify, reason: does not fix failing tests}]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CAPABILITIES, CheckInfo, Workspace
from lotabots.checks.references import Use, unknown
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot


class UnknownCapability:
    """See the module."""

    info = CheckInfo("LB103", "unknown-capability", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per unknown name."""
        if not workspace.trusts(CAPABILITIES):
            return
        declared = workspace.fleet.capabilities.declared
        known = workspace.capabilities
        uses = (use for bot in workspace.fleet.bots for use in _uses(bot))
        implied = (
            Use(
                name,
                capability,
                (
                    "implies",
                    number,
                ),
            )
            for capability in declared.values()
            for number, name in enumerate(capability.implies)
        )
        cure = "declare it in `rules/capabilities.yaml`"
        yield from unknown(self.info, "capability", (*implied, *uses), known=known, cure=cure)


CHECK = UnknownCapability()


def _uses(bot: Bot) -> Iterator[Use]:
    for claim in bot.scope:
        yield Use(claim.capability, claim, ("capability",))
    for boundary in bot.boundaries:
        yield Use(boundary.deny, boundary, ("deny",))
        for number, name in enumerate(boundary.except_):
            yield Use(
                name,
                boundary,
                (
                    "except",
                    number,
                ),
            )
    for number, name in enumerate(bot.may_cause):
        yield Use(
            name,
            bot,
            (
                "may_cause",
                number,
            ),
        )
    for action in bot.actions:
        if action.capability:
            yield Use(action.capability, action, ("capability",))
