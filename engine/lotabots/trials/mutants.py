"""Small changes of the rules, one at a time, that some test should notice.

Rules whose change no test notices could be lost in an edit, and nobody would know before the event
that needed them. A mutant is a model, never a file; it is compiled and tested like any fleet, but
not checked, since half of the mutants would be findings and none of them is to be run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from lotabots.checks.run import run as check
from lotabots.frozen import replace
from lotabots.model.fleet import GateKind
from lotabots.model.load import Loaded
from lotabots.model.names import gate_source, matches
from lotabots.trials.changing import changes
from lotabots.trials.run import bench, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import Bot, Boundary, Trigger
    from lotabots.model.event import ObjectType
    from lotabots.model.fleet import Fleet, Gate, GatePart
    from lotabots.model.trial import Trial, TrialFile

T = TypeVar("T")


class Mutant(NamedTuple):
    """A changed fleet: `what` was changed, of whom, and where it stands in the rules.

    `telling` is what an event has to hold to show the difference, where that is known.
    """

    owner: str
    what: str
    span: Span
    fleet: Fleet
    telling: str = ""


class _Slip(NamedTuple, Generic[T]):
    """A changed bot or gate."""

    what: str
    span: Span
    changed: T
    telling: str = ""


def mutants(fleet: Fleet) -> Iterator[Mutant]:
    """Every mutant of `fleet`, in the order of bots, gates and edges."""
    for number, bot in enumerate(fleet.bots):
        for slip in _of_bot(bot, fleet):
            bots = _with(fleet.bots, number, slip.changed)
            other = replace(fleet, bots=bots)
            yield Mutant(bot.name, slip.what, slip.span, other, slip.telling)
    for number, gate in enumerate(fleet.gates):
        for changed in _of_gate(gate, fleet):
            gates = _with(fleet.gates, number, changed.changed)
            other = replace(fleet, gates=gates)
            yield Mutant(gate_source(gate.name), changed.what, changed.span, other, changed.telling)
    for number, edge in enumerate(fleet.edges):
        for position, event in enumerate(edge.via or ("any event",)):
            via = _without(edge.via, position)
            kept = (replace(edge, via=via),) if via else ()
            edges = (*fleet.edges[:number], *kept, *fleet.edges[number + 1 :])
            what = f"without the edge to `{edge.target}` by `{event}`"
            yield Mutant(edge.source, what, edge.span, replace(fleet, edges=edges))


def survives(mutant: Mutant, tests: Iterable[tuple[TrialFile, Trial]]) -> bool:
    """Whether every test passes with the mutant, as it does with the fleet."""
    on = bench(check(Loaded(mutant.fleet, ()), checks=()))
    return not any(run(on, file, trial).differences for file, trial in tests)


def _of_bot(bot: Bot, fleet: Fleet) -> Iterator[_Slip[Bot]]:
    for number, trigger in enumerate(bot.triggers):
        what = f"without the trigger for `{trigger.pattern or 'a schedule'}`"
        fewer = replace(bot, triggers=_without(bot.triggers, number))
        yield _Slip(what, trigger.span, fewer)
        for change in changes(trigger.when, _payloads(trigger, fleet)):
            triggers = _with(bot.triggers, number, replace(trigger, when=change.when))
            changed = replace(bot, triggers=triggers)
            yield _Slip(change.what, trigger.at("when"), changed, change.telling)
    for number, output in enumerate(bot.outputs):
        what = f"without the output to `{output.destination}`"
        yield _Slip(what, output.span, replace(bot, outputs=_without(bot.outputs, number)))
    for number, boundary in enumerate(bot.boundaries):
        what = f"without the boundary `{boundary.deny}`"
        fewer = replace(bot, boundaries=_without(bot.boundaries, number))
        yield _Slip(what, boundary.span, fewer)
        for text, other in _of_boundary(boundary):
            boundaries = _with(bot.boundaries, number, other)
            yield _Slip(text, boundary.span, replace(bot, boundaries=boundaries))


def _of_boundary(boundary: Boundary) -> Iterator[tuple[str, Boundary]]:
    deny = boundary.deny
    if boundary.unless_approved:
        yield f"`{deny}` denied even with approval", replace(boundary, unless_approved=False)
    if boundary.except_:
        yield f"`{deny}` denied without exception", replace(boundary, except_=())
    if boundary.on != "*":
        yield f"`{deny}` denied everywhere", replace(boundary, on="*")


def _of_gate(gate: Gate, fleet: Fleet) -> Iterator[_Slip[Gate]]:
    for number, part in enumerate(gate.parts):
        if gate.kind in (GateKind.ALL, GateKind.ANY) and len(gate.parts) > 1:
            what = f"without the part `{part.pattern}`"
            yield _Slip(what, part.span, replace(gate, parts=_without(gate.parts, number)))
        for change in changes(part.when, _payloads(part, fleet)):
            parts = _with(gate.parts, number, replace(part, when=change.when))
            changed = replace(gate, parts=parts)
            yield _Slip(change.what, part.at("when"), changed, change.telling)
    if gate.after is not None:
        for change in changes(gate.after.when, _payloads(gate.after, fleet)):
            changed = replace(gate, after=replace(gate.after, when=change.when))
            yield _Slip(change.what, gate.after.at("when"), changed, change.telling)
    for number, path in enumerate(gate.join_on if len(gate.join_on) > 1 else ()):
        fewer = replace(gate, join_on=_without(gate.join_on, number))
        yield _Slip(f"not joined on `{path}`", gate.at("join_on"), fewer)
    within = gate.at("within")
    yield _Slip("with half the time", within, replace(gate, within=Decimal(gate.within) / 2))
    yield _Slip("with twice the time", within, replace(gate, within=gate.within * 2))
    for times in (gate.times - 1, gate.times + 1) if gate.kind is GateKind.COUNT else ():
        if times:
            yield _Slip(f"{times} times", gate.at("count", "times"), replace(gate, times=times))


def _payloads(rule: Trigger | GatePart, fleet: Fleet) -> list[ObjectType]:
    """What the events hold that `rule` waits for."""
    if not rule.pattern:
        return []
    events = fleet.events.items()
    return [event.payload for name, event in events if matches(rule.pattern, name)]


def _without(items: Sequence[T], number: int) -> tuple[T, ...]:
    return (*items[:number], *items[number + 1 :])


def _with(items: Sequence[T], number: int, item: T) -> tuple[T, ...]:
    return (*items[:number], item, *items[number + 1 :])
