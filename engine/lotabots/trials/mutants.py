"""Small changes of the rules, one at a time, that some test should notice.

Rules whose change no test notices could be lost in an edit, and nobody would know before the event
that needed them. A mutant is a model, never a file; it is compiled and tested like any fleet, but
not checked, since half of the mutants would be findings and none of them is to be run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lotabots.checks.run import run as check
from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, render
from lotabots.frozen import replace
from lotabots.model.fleet import GateKind
from lotabots.model.load import Loaded
from lotabots.trials.run import bench, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lotabots.diagnostics.span import Span
    from lotabots.model.bot import Bot, Boundary, Trigger
    from lotabots.model.fleet import Fleet, Gate, GatePart
    from lotabots.model.trial import Trial, TrialFile

T = TypeVar("T")


class Mutant(NamedTuple):
    """A changed fleet: `what` was changed, of whom, and where it stands in the rules."""

    owner: str
    what: str
    span: Span
    fleet: Fleet


def mutants(fleet: Fleet) -> Iterator[Mutant]:
    """Every mutant of `fleet`, in the order of bots, gates and edges."""
    for number, bot in enumerate(fleet.bots):
        for what, span, changed in _of_bot(bot):
            bots = (*fleet.bots[:number], changed, *fleet.bots[number + 1 :])
            yield Mutant(bot.name, what, span, replace(fleet, bots=bots))
    for number, gate in enumerate(fleet.gates):
        for what, span, other in _of_gate(gate):
            gates = (*fleet.gates[:number], other, *fleet.gates[number + 1 :])
            yield Mutant(f"gate.{gate.name}", what, span, replace(fleet, gates=gates))
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


def _of_bot(bot: Bot) -> Iterator[tuple[str, Span, Bot]]:
    for number, trigger in enumerate(bot.triggers):
        what = trigger.pattern or "a schedule"
        fewer = _without(bot.triggers, number)
        yield f"without the trigger for `{what}`", trigger.span, replace(bot, triggers=fewer)
        for text, when in _conditions(trigger):
            triggers = _with(bot.triggers, number, replace(trigger, when=when))
            yield text, trigger.at("when"), replace(bot, triggers=triggers)
    for number, output in enumerate(bot.outputs):
        what = f"without the output to `{output.destination}`"
        yield what, output.span, replace(bot, outputs=_without(bot.outputs, number))
    for number, boundary in enumerate(bot.boundaries):
        fewer_boundaries = _without(bot.boundaries, number)
        what = f"without the boundary `{boundary.deny}`"
        yield what, boundary.span, replace(bot, boundaries=fewer_boundaries)
        for text, changed in _of_boundary(boundary):
            boundaries = _with(bot.boundaries, number, changed)
            yield text, boundary.span, replace(bot, boundaries=boundaries)


def _of_boundary(boundary: Boundary) -> Iterator[tuple[str, Boundary]]:
    deny = boundary.deny
    if boundary.unless_approved:
        yield f"`{deny}` denied even with approval", replace(boundary, unless_approved=False)
    if boundary.except_:
        yield f"`{deny}` denied without exception", replace(boundary, except_=())
    if boundary.on != "*":
        yield f"`{deny}` denied everywhere", replace(boundary, on="*")


def _of_gate(gate: Gate) -> Iterator[tuple[str, Span, Gate]]:
    for number, part in enumerate(gate.parts):
        if gate.kind in (GateKind.ALL, GateKind.ANY) and len(gate.parts) > 1:
            what = f"without the part `{part.pattern}`"
            yield what, part.span, replace(gate, parts=_without(gate.parts, number))
        for text, when in _conditions(part):
            parts = _with(gate.parts, number, replace(part, when=when))
            yield text, part.at("when"), replace(gate, parts=parts)
    after = gate.after
    if after is not None:
        for text, when in _conditions(after):
            yield text, after.at("when"), replace(gate, after=replace(after, when=when))
    for number, path in enumerate(gate.join_on):
        if len(gate.join_on) > 1:
            fewer = replace(gate, join_on=_without(gate.join_on, number))
            yield f"not joined on `{path}`", gate.at("join_on"), fewer
    yield "with half the time", gate.at("within"), replace(gate, within=Decimal(gate.within) / 2)
    yield "with twice the time", gate.at("within"), replace(gate, within=gate.within * 2)
    if gate.kind is GateKind.COUNT:
        span = gate.at("count", "times")
        yield f"{gate.times + 1} times", span, replace(gate, times=gate.times + 1)
        if gate.times > 1:
            yield f"{gate.times - 1} times", span, replace(gate, times=gate.times - 1)


def _conditions(rule: Trigger | GatePart) -> Iterator[tuple[str, str]]:
    """What else the condition of `rule` could be."""
    expr = parse(rule.when) if rule.when else ()
    if isinstance(expr, tuple):
        return
    parts = [render(clause) for clause in clauses(expr)]
    if len(parts) > 1:
        for number, part in enumerate(parts):
            yield f"without `{part}`", " && ".join(f"({one})" for one in _without(parts, number))
    else:
        yield f"without `{parts[0]}`", ""
    yield f"`{rule.when}` turned round", f"!({rule.when})"


def _without(items: Sequence[T], number: int) -> tuple[T, ...]:
    return (*items[:number], *items[number + 1 :])


def _with(items: Sequence[T], number: int, item: T) -> tuple[T, ...]:
    return (*items[:number], item, *items[number + 1 :])
