"""What the rules say about one bot, event, gate, capability or invariant, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from lotabots.diagnostics.words import counted
from lotabots.model.bot import TriggerKind
from lotabots.model.capability import covers
from lotabots.model.event import (
    BooleanType,
    EnumType,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)
from lotabots.model.invariant import InvariantKind
from lotabots.model.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.model.bot import Action, Bot, Boundary, Trigger
    from lotabots.model.event import EventType, PayloadType
    from lotabots.model.fleet import Fleet, Gate, GatePart
    from lotabots.model.invariant import Invariant, Passage
    from lotabots.model.record import Record


GRANTED: Final = ("read", "write", "exec", "network", "secrets")


def names_of(fleet: Fleet) -> list[str]:
    """Everything that `describe` knows, sorted."""
    return sorted(
        [
            *(bot.name for bot in fleet.bots),
            *fleet.events,
            *(f"gate.{gate.name}" for gate in fleet.gates),
            *fleet.capabilities.declared,
            *(one.name for one in fleet.invariants),
        ]
    )


def describe(fleet: Fleet, topic: str) -> str | None:
    """The description of `topic`, whatever its case; None if nothing is called so."""
    wanted = topic.lower()
    for bot in fleet.bots:
        if bot.name.lower() == wanted:
            return _text(_bot(bot))
    for gate in fleet.gates:
        if wanted in (f"gate.{gate.name}", gate.name):
            return _text(_gate(gate))
    if wanted in fleet.events:
        return _text(_event(fleet, fleet.events[wanted]))
    if fleet.capabilities.knows(wanted):
        return _text(_capability(fleet, wanted))
    for invariant in fleet.invariants:
        if invariant.name == wanted:
            return _text(_invariant(invariant))
    return None


def payload_lines(event: EventType) -> list[str]:
    """The members of an event's payload, one a line."""
    return list(_members(event.payload, "payload"))


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"## {title}"
        yield from (f"- {line}" for line in found)


def _bot(bot: Bot) -> Iterator[str]:
    yield f"# {bot.name} {bot.version}".rstrip()
    yield ""
    yield bot.responsibility or "(no responsibility is declared)"
    facts = [bot.category, f"phase {bot.phase}" if bot.phase else ""]
    facts += ["essential"] if bot.essential else []
    facts += [] if bot.enabled else ["disabled"]
    yield ", ".join(fact for fact in facts if fact) + _at(bot)
    yield from _section("Owns", (f"`{c.capability}`{_on(c.on)}" for c in bot.scope))
    yield from _section("Must never", map(_boundary, bot.boundaries))
    yield from _section("May cause through others", (f"`{name}`" for name in bot.may_cause))
    yield from _section("Is started by", (_trigger(t) for t in bot.triggers))
    yield from _section("Does", map(_action, bot.actions))
    yield from _section(
        "Sends", (f"`{o.event or 'every event'}` to {o.destination}" for o in bot.outputs)
    )


def _boundary(boundary: Boundary) -> str:
    text = f"`{boundary.deny}`{_on(boundary.on)}"
    if boundary.except_:
        text += " except " + ", ".join(f"`{name}`" for name in boundary.except_)
    text += " without a person's approval" if boundary.unless_approved else ""
    text += f": {boundary.reason}" if boundary.reason else ""
    return text + (f" (ask {boundary.delegate})" if boundary.delegate else "")


def _trigger(trigger: Trigger) -> str:
    if trigger.kind is TriggerKind.SCHEDULE:
        text = f"the schedule `{trigger.cron}` ({trigger.timezone})"
    else:
        text = f"`{trigger.pattern}`{_from(trigger.source)}{_when(trigger.when)}"
    return text + (f", doing `{trigger.action}`" if trigger.action else "") + _at(trigger)


def _action(action: Action) -> str:
    emits = ", ".join(f"`{emission.type}`" for emission in action.emits) or "nothing"
    return f"`{action.name}` (`{action.capability or 'no capability'}`), emits {emits}"


def _gate(gate: Gate) -> Iterator[str]:
    yield f"# gate.{gate.name}"
    yield ""
    yield gate.doc or "A correlation that the engine itself evaluates."
    keys = ", ".join(f"`{path}`" for path in gate.join_on)
    yield f"Keyed on {keys}, within {gate.within} s{_at(gate)}"
    parts = map(_part, gate.parts)
    titles = {"all": "Waits for all of", "any": "Waits for any of", "absent": "Waits for silence"}
    yield from _section(
        titles.get(gate.kind.value, f"Waits for {counted(gate.times, 'time')}"), parts
    )
    if gate.after is not None:
        yield from _section("After", [_part(gate.after)])
    yield from _section("Then", [f"emits `{gate.emit}`"])


def _part(part: GatePart) -> str:
    return f"`{part.pattern}`{_from(part.source)}{_when(part.when)}"


def _event(fleet: Fleet, event: EventType) -> Iterator[str]:
    yield f"# {event.name}"
    yield ""
    yield event.doc or "(no description)"
    kinds = ["from outside"] if event.external else []
    kinds += ["terminal"] if event.terminal else []
    kinds += ["a person's approval"] if event.approval else []
    if kinds:
        yield ", ".join(kinds) + _at(event)
    yield from _section("May be sent by", (f"`{name}`" for name in event.emitters))
    consumers = [
        f"{bot.name}: {_trigger(trigger)}"
        for bot in fleet.bots
        for trigger in bot.triggers
        if trigger.pattern and matches(trigger.pattern, event.name)
    ]
    consumers += [
        f"gate.{gate.name}: {_part(part)}"
        for gate in fleet.gates
        for part in (*gate.parts, *([gate.after] if gate.after else []))
        if matches(part.pattern, event.name)
    ]
    yield from _section("Starts", consumers)
    yield from _section("Payload", payload_lines(event))


def _members(kind: ObjectType, path: str) -> Iterator[str]:
    for member in kind.fields:
        optional = " (optional)" if member.optional else ""
        inner = member.type.item if isinstance(member.type, ListType) else member.type
        yield f"`{path}.{member.name}`: {_kind(member.type)}{optional}"
        if isinstance(inner, ObjectType):
            mark = "[]" if isinstance(member.type, ListType) else ""
            yield from _members(inner, f"{path}.{member.name}{mark}")


def _kind(kind: PayloadType) -> str:  # noqa: PLR0911 - one for each member of the union
    match kind:
        case TextType():
            return kind.format or f"text, at most {counted(kind.max_length, 'character')}"
        case EnumType():
            return " | ".join(kind.values)
        case IntegerType():
            return "integer"
        case NumberType():
            low = "" if kind.minimum is None else f" from {kind.minimum}"
            high = "" if kind.maximum is None else f" to {kind.maximum}"
            return f"number{low}{high}"
        case BooleanType():
            return "true | false"
        case ListType():
            return f"list of at most {kind.max_items}: {_kind(kind.item)}"
        case ObjectType():
            return "object"
        case _:
            assert_never(kind)


def _capability(fleet: Fleet, name: str) -> Iterator[str]:
    declared = fleet.capabilities.declared.get(name)
    yield f"# {name}"
    yield ""
    yield (declared.doc if declared else "") or "(no description)"
    implied = declared.implies if declared else ()
    yield from _section("Doing it also does", (f"`{other}`" for other in implied))
    below = (c for c in fleet.capabilities.declared if c != name and covers(name, c))
    yield from _section("Covers", (f"`{other}`" for other in below))
    yield from _section(
        "Owned by",
        (
            f"{bot.name}{_on(claim.on)}"
            for bot in fleet.bots
            for claim in bot.scope
            if covers(claim.capability, name) or covers(name, claim.capability)
        ),
    )
    yield from _section(
        "Denied to",
        (
            f"{bot.name}: {boundary.reason or boundary.deny}"
            for bot in fleet.bots
            for boundary in bot.boundaries
            if covers(boundary.deny, name)
        ),
    )


def _invariant(one: Invariant) -> Iterator[str]:
    yield f"# {one.name}"
    yield ""
    yield one.doc
    yield f"An invariant: `lotabots validate` proves it over all chains of events{_at(one)}"
    target = f"`{one.target.event}`{_when(one.target.when)}"
    if one.target.capability:
        target = f"`{one.target.capability}`{_on(one.target.on)}"
    who = ", ".join(f"`{o.event or o.source or o.category}`{_when(o.when)}" for o in one.origins)
    match one.kind:
        case InvariantKind.PATH:
            title = "passes one of" if one.one_of else "passes"
            yield from _section(f"Every path to {target} {title}", map(_passage, one.passes))
        case InvariantKind.APPROVED:
            yield from _section(f"Every path to {target} passes", ["a person's approval"])
        case InvariantKind.SEPARATE:
            unless = ", unless a person approves" if one.unless_approved else ""
            yield from _section("No path", [f"from {who} to {target}{unless}"])
        case InvariantKind.ONLY | InvariantKind.NEVER:
            verb = "emit" if one.target.event else "may"
            yield from _section(one.kind.value.capitalize(), [f"{who} {verb} {target}"])
        case InvariantKind.GRANTS:
            granted = ((k, getattr(one.holding, k)) for k in GRANTED)
            lines = (f"{k} {', '.join(f'`{g}`' for g in globs)}" for k, globs in granted if globs)
            whose = one.holding.source or one.holding.category
            of = f" of `{whose}`" if whose else ""
            yield from _section(f"No action{of} has all of", lines)


def _passage(passage: Passage) -> str:
    same = ", ".join(f"`{field}`" for field in passage.same)
    return f"`{passage.event}`{_when(passage.when)}" + (f", of the same {same}" if same else "")


def _on(resource: str) -> str:
    return "" if resource == "*" else f" on `{resource}`"


def _from(source: str) -> str:
    return f" from {source}" if source else ""


def _when(condition: str) -> str:
    return f" when `{condition}`" if condition else ""


def _at(record: Record) -> str:
    return f"  [{record.span}]" if record.span.path else ""
