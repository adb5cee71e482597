"""Somebody holds or emits what an invariant reserves for others.

## Why
``only`` says who may exercise a capability or emit an event, ``never`` says who may not. Scopes and
catalogues grow one line at a time; the invariant says what they must never add up to. A bot holds
what its scope claims, with all that this implies and covers, unless its own boundary denies it.

## Bad
```yaml
# file: rules/invariants.yaml
invariants:
  - name: only-testbot-builds
    doc: one bot has the keys of the registry
    only: [TestBot]
    may: build
  - name: nobody-speaks-for-git
    doc: who can invent a push can have anything built
    never: ["ingress.*"]
    emit: change.pushed
```
```text
rules/invariants.yaml:5:10: error[LB913] `only-testbot-builds` is broken: `BuildBot` holds `build`
rules/invariants.yaml:9:11: error[LB913] `nobody-speaks-for-git` is broken: `ingress.git` emits `change.pushed`
```

## Good
```yaml
# file: rules/invariants.yaml
invariants:
  - name: only-buildbot-builds
    doc: one bot has the keys of the registry
    only: [BuildBot]
    may: build
  - name: nobody-changes-code
    doc: people change code, bots propose
    never: ["*"]
    may: code.modify
```
"""

# ruff: noqa: E501 - a page shows files and findings as they are

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.checks.holders import holders, may_mean, means
from lotabots.checks.invariants import shown
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.invariant import InvariantKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.holders import Holder
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.invariant import Invariant


class ForbiddenAuthority:
    """See the module."""

    info = CheckInfo("LB913", "forbidden-authority", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per invariant and holder."""
        for one in workspace.proofs.invariants:
            if one.kind in (InvariantKind.ONLY, InvariantKind.NEVER):
                for holder in holders(workspace, one.target):
                    if _broken(workspace, one, holder):
                        yield self._finding(one, holder)

    def _finding(self, one: Invariant, holder: Holder) -> Diagnostic:
        key, verb = ("emit", "emits") if one.target.event else ("may", "holds")
        return self.info.at(
            Label(one.at(key), "reserved" if one.kind is InvariantKind.ONLY else "forbidden"),
            f"`{one.name}` is broken: `{holder.name}` {verb} {shown(one.target)}",
            subject=f"{one.name} {holder.name}",
            related=(Label(holder.place, f"`{holder.name}` gets it here"),),
            help="take it away there; change the invariant only if this authority is meant",
            notes=(f"why it must hold: {one.doc}",),
        )


CHECK = ForbiddenAuthority()


def _broken(workspace: Workspace, one: Invariant, holder: Holder) -> bool:
    if one.kind is InvariantKind.NEVER:
        return any(may_mean(workspace, origin, holder) for origin in one.origins)
    return not any(means(workspace, origin, holder) for origin in one.origins)
