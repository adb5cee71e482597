"""Conditions as the checks see them: whose they are, over which events, where each word stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.condition.example import json_text
from lotabots.diagnostics.diagnostic import Label
from lotabots.diagnostics.span import Span
from lotabots.graph.feasibility import NOTHING
from lotabots.model.bot import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.checks.base import CheckInfo, Workspace
    from lotabots.condition.problem import Problem, ProblemKind
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.graph.feasibility import Feasibility
    from lotabots.graph.nodes import Constant, Start
    from lotabots.model.fleet import GatePart
    from lotabots.model.invariant import Origin, Passage, Target


class Condition(NamedTuple):
    """The ``when:`` of a start, and the event types of the catalogue that it judges."""

    start: Start
    events: tuple[str, ...]

    @property
    def when(self) -> str:
        """Its text."""
        return self.start.rule.when


class ProblemCheck:
    """The check that reports one kind of problem; see the module that makes it."""

    def __init__(self, info: CheckInfo, kind: ProblemKind) -> None:
        self.info = info
        self._kind = kind

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per problem."""
        yield from report(self.info, workspace, self._kind)


def conditions(workspace: Workspace) -> Iterator[Condition]:
    """Every condition of the fleet; a start without ``when:`` has none."""
    graph = workspace.graph
    for start, events in zip(graph.starts, graph.awaited, strict=True):
        if start.rule.when:
            yield Condition(start, events)


def name_of(start: Start) -> str:
    """How a message calls `start`: ``a trigger of `TestBot` ``."""
    kind = "trigger" if isinstance(start.rule, Trigger) else "part"
    return f"a {kind} of `{start.node}`"


def report(info: CheckInfo, workspace: Workspace, kind: ProblemKind) -> Iterator[Diagnostic]:
    """One finding per problem of `kind`; events that share the problem are counted in a note."""
    graph = workspace.graph
    for condition in conditions(workspace):
        found: dict[tuple[int, int], tuple[Problem, list[str]]] = {}
        for event in condition.events:
            for problem in graph.feasibility.problems(condition.when, event):
                if problem.kind == kind:
                    place = (problem.start, problem.end)
                    found.setdefault(place, (problem, []))[1].append(event)
        for problem, events in found.values():
            yield of_problem(info, condition.start, problem, events)


def of_problem(info: CheckInfo, start: Start, problem: Problem, events: list[str]) -> Diagnostic:
    """The finding that `problem` is, in the condition of `start`."""
    return info.at(
        Label(within(start.rule, problem.start, problem.end)),
        problem.message,
        subject=start.node,
        help=problem.help,
        notes=(f"for events of type {_listed(events)}",) if len(events) > 1 else (),
    )


def within(rule: Trigger | GatePart | Target | Origin | Passage, start: int, end: int) -> Span:
    """The place of ``rule.when[start:end]`` in the file.

    A scalar with escapes or over several lines is not taken apart: its whole place is returned.
    """
    place = rule.at("when")
    quotes = place.end_column - place.column - len(rule.when)
    if place.line != place.end_line or quotes not in (0, 2):
        return place
    first = place.column + quotes // 2
    return Span(place.path, place.line, first + start, place.line, first + end)


def example(
    feasibility: Feasibility, when: str, event: str, *, fixed: Mapping[str, Constant] = NOTHING
) -> str:
    """JSON text of an `event` that meets `when`; empty if none can be given.

    The stamped members are shown only if the condition reads them.
    """
    found = feasibility.example(when, event, fixed=fixed)
    if found is None:
        return ""
    shown = {"type": event, "payload": found.get("payload", {})}
    if any(path.startswith("event.") for path in feasibility.read(when or "true")):
        shown["event"] = found.get("event", {})
    return json_text(shown)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
