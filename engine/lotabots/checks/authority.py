"""Boundaries against capabilities: what a bot must not do, and what it sets in motion anyway.

Whether one action breaks one boundary is the question of `policy.power`; here the same is asked
of whole chains of bots, so actions are grouped by what they exercise and looked up by name.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lotabots.graph.causes import caused
from lotabots.model.capability import ancestors, covers, glob_covers
from lotabots.policy.power import forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.base import Workspace
    from lotabots.model.bot import Bot, Boundary
    from lotabots.model.capability import CapabilityTree, Claim


class Closures:
    """`CapabilityTree.closure` and `CapabilityTree.implied`, each asked once."""

    def __init__(self, tree: CapabilityTree) -> None:
        self._tree = tree
        self._closures: dict[str, tuple[str, ...]] = {}
        self._implied: dict[str, tuple[str, ...]] = {}

    def of(self, name: str) -> tuple[str, ...]:
        """`name` and everything that its exercise may exercise."""
        if name not in self._closures:
            self._closures[name] = self._tree.closure(name)
        return self._closures[name]

    def implied(self, name: str) -> tuple[str, ...]:
        """`name` and everything that its exercise surely exercises."""
        if name not in self._implied:
            self._implied[name] = self._tree.implied(name)
        return self._implied[name]


class Power(NamedTuple):
    """Starts (a bit set) whose action exercises `capabilities`, by name or by implication."""

    capabilities: tuple[str, ...]
    on: str
    starts: int


class Breach(NamedTuple):
    """`bot` can set off `starts` (a bit set), which exercise `capability` inside its boundary."""

    bot: Bot
    boundary: Boundary
    capability: str
    starts: int
    through: frozenset[str]
    """Gates that make the chain legal, so it was followed without them."""


def contradictions(bot: Bot, closures: Closures) -> Iterator[tuple[Claim, Boundary, str]]:
    """Entries of a bot's scope of which nothing is left by one of its boundaries, and why.

    A boundary narrower than the entry only carves a part out of it.
    """
    for claim in bot.scope if bot.boundaries else ():
        exercised = closures.implied(claim.capability)
        for boundary in bot.boundaries:
            if boundary.unless_approved:
                continue
            for capability in forbidden(boundary, exercised, on=claim.on):
                if covers(boundary.deny, capability) and glob_covers(boundary.on, claim.on):
                    yield claim, boundary, capability
                    break


def acceptances(workspace: Workspace) -> Iterator[tuple[Breach, tuple[str, ...]]]:
    """Every breach with the entries of ``may_cause`` that accept it."""
    closures = Closures(workspace.fleet.capabilities)
    for breach in workspace.breaches:
        yield breach, tuple(_accepting(breach, closures))


def _accepting(breach: Breach, closures: Closures) -> Iterator[str]:
    """The entries that cover a breach; each covers what it implies, too."""
    for name in breach.bot.may_cause:
        if covers(name, breach.boundary.deny) or any(
            covers(accepted, breach.capability) for accepted in closures.implied(name)
        ):
            yield name


def breaches(workspace: Workspace) -> Iterator[Breach]:
    """Everything inside a boundary of a bot that the bot can set in motion through others."""
    graph = workspace.graph
    guarded = [bot for bot in workspace.fleet.bots if bot.boundaries]
    if not guarded:
        return
    powers = _Powers(workspace)
    free = caused(graph)
    lawful = _lawful(workspace, guarded, free)
    for bot in guarded:
        own = graph.starts_of.get(bot.name, ())
        mask = sum(1 << number for number in own)
        for boundary in bot.boundaries:
            reach = 0
            for number in own:
                reach |= (lawful if boundary.unless_approved else free)[number]
            without = graph.approving if boundary.unless_approved else frozenset[str]()
            for power in powers.touched_by(boundary.deny):
                starts = power.starts & reach & ~mask
                inside = forbidden(boundary, power.capabilities, on=power.on) if starts else ()
                for capability in inside:
                    yield Breach(bot, boundary, capability, starts, without)


def _lawful(workspace: Workspace, bots: list[Bot], free: tuple[int, ...]) -> tuple[int, ...]:
    """What can be set off without a person's approval."""
    graph = workspace.graph
    asked = any(b.unless_approved for bot in bots for b in bot.boundaries)
    return caused(graph, without=graph.approving) if asked and graph.approving else free


class _Powers:
    """Actions by what they exercise."""

    def __init__(self, workspace: Workspace) -> None:
        closures = Closures(workspace.fleet.capabilities)
        starts: dict[tuple[str, str], int] = defaultdict(int)
        for number, start in enumerate(workspace.graph.starts):
            if start.action is not None and start.action.capability in workspace.capabilities:
                starts[start.action.capability, start.action.on] |= 1 << number
        self._exact: dict[str, list[Power]] = defaultdict(list)
        self._under: dict[str, list[Power]] = defaultdict(list)
        for (capability, on), bits in sorted(starts.items()):
            self._add(Power(closures.of(capability), on, bits))

    def touched_by(self, deny: str) -> Iterator[Power]:
        """The powers that exercise something under `deny`, or something that `deny` is under."""
        seen: dict[tuple[tuple[str, ...], str], None] = {}
        wider = (power for name in ancestors(deny)[1:] for power in self._exact[name])
        for power in (*self._under[deny], *wider):
            key = (power.capabilities, power.on)
            if key not in seen:
                seen[key] = None
                yield power

    def _add(self, power: Power) -> None:
        for capability in power.capabilities:
            self._exact[capability].append(power)
        for name in dict.fromkeys(a for c in power.capabilities for a in ancestors(c)):
            self._under[name].append(power)
