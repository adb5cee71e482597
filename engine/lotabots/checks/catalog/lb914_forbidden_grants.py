"""An action is granted together what no action may have together.

## Why
A program that reads the source of a change runs what strangers wrote. With a network it can send
away what it reads; with a secret, that too. ``no_action`` forbids such combinations for every
action, those of bots that are still to come included. Globs are compared with the grants as they
are written, and a grant of a file or folder covers what is below it.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: source-stays-inside
    doc: what reads the source runs what strangers wrote
    no_action: {read: "{source}", network: "*"}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - name: build
    capability: build
    command: build
    emits: [build.completed]
    grants: {read: ["{source}"], network: ["example.org:443"]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/invariants.yaml:4:16: error[LB914] `source-stays-inside` is broken: `build` of `BuildBot` has read `{source}` and network `example.org:443`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: source-stays-inside
    doc: what reads the source runs what strangers wrote
    no_action: {read: "{source}", network: "*"}
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - name: build
    capability: build
    command: build
    emits: [build.completed]
    grants: {read: ["{source}"], network: []}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.holders import granted
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.invariant import InvariantKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.holders import Granted
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.invariant import Invariant


class ForbiddenGrants:
    """See the module."""

    info = CheckInfo("LB914", "forbidden-grants", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per invariant and action."""
        for one in workspace.proofs.invariants:
            if one.kind is InvariantKind.GRANTS:
                for found in granted(workspace, one.holding):
                    yield self._finding(one, found)

    def _finding(self, one: Invariant, found: Granted) -> Diagnostic:
        bot, action, grants = found
        listed = " and ".join(f"{kind} `{grant}`" for kind, _, grant in grants)
        return self.info.at(
            Label(one.at("no_action"), "not together" if len(grants) > 1 else "never"),
            f"`{one.name}` is broken: `{action.name}` of `{bot.name}` has {listed}",
            subject=f"{one.name} {bot.name} {action.name}",
            related=tuple(
                Label(action.grants.at(kind, number), f"{kind} is granted here")
                for kind, number, _ in grants
            ),
            help="take one of the grants away, or split the action in two that share an artifact",
            notes=(f"why it must hold: {one.doc}",),
        )


CHECK = ForbiddenGrants()
