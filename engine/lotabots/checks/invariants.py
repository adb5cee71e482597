"""What invariants speak of, looked up in the fleet: events, capabilities, and who is meant.

An invariant with an unknown name or a faulty condition says nothing: that is reported (LB901,
LB902), and no other check judges it. Nothing is judged while a file could not be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks.doubt import knows_source
from lotabots.condition.members import Found, find
from lotabots.model.capability import globs_meet
from lotabots.model.invariant import Invariant, InvariantKind, Passage
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.checks.base import Workspace
    from lotabots.condition.problem import Problem
    from lotabots.model.bot import Bot
    from lotabots.model.invariant import Holding, Origin, Target
    from lotabots.model.record import Record


class Named(NamedTuple):
    """`name`, a word for what it should be the name of, and where it stands."""

    what: str
    name: str
    rule: Record
    key: str


class Said(NamedTuple):
    """A condition over `event`, and the record whose ``when:`` it is."""

    event: str
    when: str
    rule: Target | Origin | Passage


def judged(workspace: Workspace) -> tuple[Invariant, ...]:
    """The invariants that can be judged."""
    if workspace.untrusted:
        return ()
    return tuple(
        one
        for one in workspace.fleet.invariants
        if not any(unknown(workspace, name) for name in names(one))
        and not any(True for said in conditions(one) for _ in problems(workspace, said))
        and not any(True for _ in missing_fields(workspace, one))
    )


def names(invariant: Invariant) -> Iterator[Named]:
    """Every name that `invariant` uses."""
    target = invariant.target
    if target.event:
        yield Named("event", target.event, target, "event")
    if target.capability:
        yield Named("capability", target.capability, target, "capability")
    for passage in invariant.passes:
        yield Named("event", passage.event, passage, "event")
    for origin in invariant.origins:
        if origin.event:
            yield Named("event", origin.event, origin, "event")
        yield from _names_of_bots(origin)
    yield from _names_of_bots(invariant.holding)


def unknown(workspace: Workspace, named: Named) -> bool:
    """Whether nothing is called so."""
    match named.what:
        case "event":
            return named.name not in workspace.fleet.events
        case "capability":
            return named.name not in workspace.capabilities
        case "category":
            return named.name not in workspace.fleet.settings.categories
        case _:
            return not knows_source(workspace.graph, named.name)


def conditions(invariant: Invariant) -> Iterator[Said]:
    """Every condition of `invariant`."""
    rules: tuple[Target | Origin | Passage, ...] = (
        invariant.target,
        *invariant.passes,
        *invariant.origins,
    )
    for rule in rules:
        if rule.event and rule.when:
            yield Said(rule.event, rule.when, rule)


def problems(workspace: Workspace, said: Said) -> Iterator[Problem]:
    """What is wrong with a condition; nothing if its event is not known."""
    feasibility = workspace.graph.feasibility
    parsed = feasibility.parsed(said.when)
    if isinstance(parsed, tuple):
        yield from parsed
    elif said.event in workspace.fleet.events:
        yield from feasibility.problems(said.when, said.event)


def missing_fields(
    workspace: Workspace, invariant: Invariant
) -> Iterator[tuple[Passage, int, str]]:
    """Fields of ``same:``, by number, that the event of the passage or the target does not have."""
    events = workspace.fleet.events
    for passage in invariant.passes:
        for number, field in enumerate(passage.same):
            steps = tuple(field.split(".")[1:])
            for name in (passage.event, invariant.target.event):
                event = events.get(name)
                if event is not None and not isinstance(find(event.payload, steps), Found):
                    yield passage, number, name
                    break


def approvals(workspace: Workspace) -> tuple[Passage, ...]:
    """The events that are a person's approval, as passages."""
    return tuple(
        Passage(event=name)
        for name, event in workspace.fleet.events.items()
        if event.approval and event.from_people
    )


def fields_of(passes: Iterable[Passage]) -> tuple[str, ...]:
    """All that the passages want to be the same."""
    return tuple(sorted({field for passage in passes for field in passage.same}))


def is_meant(origin: Origin | Holding, bot: Bot) -> bool:
    """Whether `origin` means `bot`; one that names nobody means everybody."""
    by_name = not origin.source or matches(origin.source, bot.name)
    return by_name and (not origin.category or origin.category == bot.category)


def is_node(workspace: Workspace, origin: Origin, node: str) -> bool:
    """Whether `origin` means the bot or gate `node`."""
    bot = workspace.graph.bots.get(node)
    return is_meant(origin, bot) if bot is not None else matches(origin.source, node)


def nodes_of(workspace: Workspace, origin: Origin) -> frozenset[str]:
    """The bots and gates that `origin` means."""
    nodes = (*workspace.graph.bots, *workspace.graph.gates)
    return frozenset(node for node in nodes if is_node(workspace, origin, node))


def exercising(workspace: Workspace, target: Target) -> tuple[int, ...]:
    """The starts whose action exercises the capability of `target`, or may."""
    return tuple(
        number
        for number, start in enumerate(workspace.graph.starts)
        if start.action is not None
        and start.action.capability
        and touches(target, workspace.closures.of(start.action.capability), start.action.on)
    )


def touches(target: Target, exercised: Iterable[str], on: str) -> bool:
    """Whether to exercise one of `exercised` on `on` may exercise the capability of `target`."""
    wanted = target.capability
    below = f"{wanted}."
    for one in exercised:  # a loop: asked of every capability of every bot
        if one == wanted or one.startswith(below) or wanted.startswith(f"{one}."):
            return globs_meet(target.on, on)
    return False


def shown(target: Target) -> str:
    """How messages call a target."""
    if target.event:
        return f"`{target.event}`" + (f" with `{target.when}`" if target.when else "")
    return f"`{target.capability}`" + (f" on `{target.on}`" if target.on != "*" else "")


def passed(passage: Passage) -> str:
    """How messages call a passage."""
    said = f"`{passage.event}`" + (f" with `{passage.when}`" if passage.when else "")
    fields = ", ".join(f"`{field}`" for field in passage.same)
    return said + (f" of the same {fields}" if fields else "")


def key_of(invariant: Invariant) -> str:
    """The key under which the target of `invariant` stands."""
    match invariant.kind:
        case InvariantKind.SEPARATE:
            return "to"
        case InvariantKind.ONLY | InvariantKind.NEVER:
            return "emit" if invariant.target.event else "may"
        case _:
            return invariant.kind.value


def _names_of_bots(origin: Origin | Holding) -> Iterator[Named]:
    if origin.source:
        yield Named("bot, gate or source", origin.source, origin, "source")
    if origin.category:
        yield Named("category", origin.category, origin, "category")
