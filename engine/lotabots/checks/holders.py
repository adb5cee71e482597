"""Who emits an event, who holds a capability, which action has which grants: direct authority."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks.invariants import is_meant, is_node, touches
from lotabots.checks.story import made_at
from lotabots.graph.nodes import patterns_meet
from lotabots.model.capability import covers, glob_covers, globs_meet
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.base import Workspace
    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import Action, Bot, Grants
    from lotabots.model.invariant import Holding, Origin, Target

PATHS = frozenset(("read", "write", "exec"))
"""Grants of files; each covers what is below it."""


class Holder(NamedTuple):
    """A node, or a pattern of sources outside the fleet, and where it gets its authority."""

    name: str
    place: Span
    inside: bool = True


class Granted(NamedTuple):
    """An action, and the grants that meet a `Holding`: kind, number, text."""

    bot: Bot
    action: Action
    grants: tuple[tuple[str, int, str], ...]


def holders(workspace: Workspace, target: Target) -> Iterator[Holder]:
    """Whoever emits the event, or holds the capability, of `target`; once each."""
    found: dict[str, Holder] = {}
    for one in _emitting(workspace, target) if target.event else _holding(workspace, target):
        found.setdefault(one.name, one)
    yield from found.values()


def means(workspace: Workspace, origin: Origin, holder: Holder) -> bool:
    """Whether `origin` surely means all of `holder`."""
    if holder.inside:
        return is_node(workspace, origin, holder.name)
    return bool(origin.source) and matches(origin.source, holder.name)


def may_mean(workspace: Workspace, origin: Origin, holder: Holder) -> bool:
    """Whether `origin` means some of `holder`."""
    if holder.inside:
        return is_node(workspace, origin, holder.name)
    return bool(origin.source) and patterns_meet(origin.source, holder.name)


def granted(workspace: Workspace, holding: Holding) -> Iterator[Granted]:
    """The actions that have a grant of each kind that `holding` asks for."""
    wanted = wanted_of(holding)
    for bot in workspace.fleet.bots:
        for action in bot.actions if is_meant(holding, bot) else ():
            met = [_met(action.grants, kind, globs) for kind, globs in wanted.items()]
            if all(met):
                yield Granted(bot, action, tuple(those[0] for those in met))


def wanted_of(holding: Holding) -> dict[str, tuple[str, ...]]:
    """The globs of `holding` by kind of grant."""
    kinds = ("read", "write", "exec", "network", "secrets")
    return {kind: globs for kind in kinds if (globs := getattr(holding, kind))}


def _met(grants: Grants, kind: str, globs: tuple[str, ...]) -> list[tuple[str, int, str]]:
    return [
        (kind, number, grant)
        for number, grant in enumerate(getattr(grants, kind))
        if any(_meet(kind, glob, grant) for glob in globs)
    ]


def _meet(kind: str, glob: str, grant: str) -> bool:
    return globs_meet(glob, grant) or (kind in PATHS and globs_meet(glob, f"{grant.rstrip('/')}/*"))


def _emitting(workspace: Workspace, target: Target) -> Iterator[Holder]:
    graph = workspace.graph
    for way in workspace.proofs.ways.to_event(target.event, target.when):
        if way.needs:
            place = made_at(graph, way.needs[0].vertex, target.event)
            yield Holder(way.source, place)
    for source in graph.outside.get(target.event, ()):
        if any(not way.needs for way in workspace.proofs.ways.to_event(target.event, target.when)):
            yield Holder(source, workspace.fleet.events[target.event].at("emitters"), inside=False)


def _holding(workspace: Workspace, target: Target) -> Iterator[Holder]:
    """A bot holds what its scope claims and its boundaries leave, and what its actions exercise."""
    for bot in workspace.fleet.bots:
        held = [
            *((c.capability, c.on, bot.at("scope", n)) for n, c in enumerate(bot.scope)),
            *((a.capability, a.on, a.at("capability")) for a in bot.actions if a.capability),
        ]
        for capability, on, place in held:
            exercised = workspace.closures.of(capability)
            if touches(target, exercised, on) and touches(
                target, [one for one in exercised if not _denied(bot, one, target=target)], on
            ):
                yield Holder(bot.name, place)


def _denied(bot: Bot, capability: str, *, target: Target) -> bool:
    """Whether a boundary, without exception, takes from `capability` all that `target` is about."""
    narrow = max(capability, target.capability, key=len)
    return any(
        covers(boundary.deny, narrow)
        and glob_covers(boundary.on, target.on)
        and not boundary.except_
        and not boundary.unless_approved
        for boundary in bot.boundaries
    )
