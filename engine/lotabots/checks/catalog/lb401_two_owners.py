"""Two bots own the same capability on the same resource.

## Why
Each bot has one responsibility that no other bot has. Where two own the same thing, both react,
and nobody can tell which of them was meant to.

## Bad
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build, {capability: test.run, on: "unit/*"}]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
```text
rules/bots/buildbot.yaml:2:29: error[LB401] `BuildBot` and `TestBot` both own `test.run`
```

## Good
```yaml
# file: rules/bots/buildbot.yaml
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
```
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.model.capability import ancestors, covers, glob_covers, globs_meet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Bot
    from lotabots.model.capability import Claim


class _Owned(NamedTuple):
    bot: Bot
    claim: Claim

    @property
    def head(self) -> str:
        """What every resource of the claim begins with."""
        return self.claim.on.split("*", 1)[0]


class TwoOwners:
    """See the module."""

    info = CheckInfo("LB401", "two-owners", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per scope entry: the narrower of two, with the first that it meets."""
        owned: dict[str, list[_Owned]] = defaultdict(list)
        for bot in workspace.fleet.bots:
            for claim in bot.scope:
                owned[claim.capability].append(_Owned(bot, claim))
        for name, here in sorted(owned.items()):
            above = [one for parent in ancestors(name)[1:] for one in owned.get(parent, ())]
            for first, second in _meeting(name, [*above, *here]):
                yield self._finding(first, second)

    def _finding(self, wide: _Owned, narrow: _Owned) -> Diagnostic:
        names = sorted((wide.bot.name, narrow.bot.name))
        resource = _common(wide.claim.on, narrow.claim.on)
        everywhere = wide.claim.on == narrow.claim.on == "*"
        return self.info.at(
            Label(narrow.claim.at("capability")),
            f"`{names[0]}` and `{names[1]}` both own `{narrow.claim.capability}`",
            subject=f"{names[0]} {names[1]} {narrow.claim.capability}",
            related=(Label(wide.claim.at("capability"), f"`{wide.bot.name}` owns it here"),),
            help="leave it to one of them, or tell their resources apart with `on:`",
            notes=() if everywhere else (f"for example on `{resource}`",),
        )


CHECK = TwoOwners()


def _meeting(name: str, claims: list[_Owned]) -> Iterator[tuple[_Owned, _Owned]]:
    """For each claim to `name` the first one of another bot on a common resource.

    Sorted by their literal beginnings, only a claim whose beginning continues that of an earlier
    one can meet it, so the candidates are a stack.
    """
    stack: list[_Owned] = []
    for one in sorted(claims, key=lambda c: (c.head, c.claim.capability, c.bot.name)):
        while stack and not one.head.startswith(stack[-1].head):
            stack.pop()
        other = next((before for before in stack if _conflict(name, before, one)), None)
        if other is not None:
            narrow_last = sorted((other, one), key=lambda c: len(c.claim.capability))
            yield narrow_last[0], narrow_last[1]
        stack.append(one)


def _conflict(name: str, first: _Owned, second: _Owned) -> bool:
    return (
        first.bot.name != second.bot.name
        and name in (first.claim.capability, second.claim.capability)
        and globs_meet(first.claim.on, second.claim.on)
        and not _gives_up(first, second)
        and not _gives_up(second, first)
    )


def _gives_up(owner: _Owned, other: _Owned) -> bool:
    """Whether a boundary of the owner carves out what the other owns."""
    return any(
        covers(boundary.deny, other.claim.capability) and glob_covers(boundary.on, other.claim.on)
        for boundary in owner.bot.boundaries
    )


def _common(first: str, second: str) -> str:
    """A resource that both globs match, given that there is one."""
    if "*" not in first or "*" not in second:
        return first if "*" not in first else second
    head_a, *middle_a, tail_a = first.split("*")
    head_b, *middle_b, tail_b = second.split("*")
    head, tail = max(head_a, head_b, key=len), max(tail_a, tail_b, key=len)
    return "".join((head, *middle_a, *middle_b, tail))
