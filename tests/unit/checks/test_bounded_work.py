"""Conditions cost a bounded number of steps, over the whole fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.checks.examples import FLEET
from lotabots.checks.run import run
from lotabots.condition.budget import Budget, SpentError
from lotabots.graph.feasibility import Feasibility
from lotabots.model.load import Loaded, load

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic

HARD = 'payload.a.contains("x") || payload.b.contains("y")'


def test_many_hard_triggers_of_one_bot_end_in_one_finding():
    loaded = fleet_with([laborious(number) for number in range(60)])
    found = run(loaded).diagnostics
    message = (
        "nothing more can be proved about conditions from this one on: all of them together "
        "take more than 2,000,000 steps"
    )
    assert [said(one) for one in found] == [f"LB207 {message}"]
    assert (found[0].primary.span.path, found[0].subject) == ("rules/bots/testbot.yaml", "TestBot")
    assert found[0].help == (
        "write fewer `||` in one condition, narrow triggers with `from:`, or divide the triggers "
        "of one event between several bots"
    )


def test_the_same_fleet_has_the_same_findings_in_every_run():
    loaded = fleet_with([laborious(number) for number in range(60)])
    assert run(loaded).diagnostics == run(loaded).diagnostics


def test_a_few_hard_triggers_are_proved_as_ever():
    same = laborious(3)
    (found,) = run(fleet_with([same, laborious(4), f"payload.n5 > 1 && {same}"])).diagnostics
    assert (found.code, found.primary.span.line) == ("LB206", 6)


def test_a_condition_beyond_the_steps_counts_as_possible_and_implies_nothing():
    feasibility = Feasibility(fleet_with([HARD]).fleet.events, steps=10)
    never = f"({HARD}) && ({HARD}) && payload.n0 > 1 && payload.n0 < 1"
    assert feasibility.possible(never, "build.completed")
    assert feasibility.stopped_at == never
    assert not feasibility.implies(f"({HARD}) && payload.n0 > 1", HARD, "build.completed")
    assert feasibility.doubt(never, "build.completed") == ""
    assert feasibility.example(HARD, "build.completed") is None
    assert feasibility.stopped_at == never


def test_what_is_spent_stays_spent():
    budget = Budget(10)
    with pytest.raises(SpentError):
        budget.spend(11)
    with pytest.raises(SpentError):
        budget.spend(1)


def said(found: Diagnostic) -> str:
    return f"{found.code} {found.message}"


def laborious(number: int) -> str:
    """A condition that splits into as many cases as are allowed."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    places = [(at + number) % 20 for at in range(9)]
    return " && ".join(
        f'(payload.n{at} > {number} || payload.f{at}.contains("{letters[(at + number) % 26]}"))'
        for at in places
    )


def fleet_with(conditions: list[str]) -> Loaded:
    names = [f"n{at}: integer" for at in range(20)] + [f"f{at}: string" for at in range(20)]
    payload = f"{{a: string, b: string, {', '.join(names)}}}"
    events = FLEET["rules/events.yaml"].replace(
        "payload: {repository: string, branch: string, outcome", f"payload: {payload} #"
    )
    triggers = "".join(
        f"  - {{type: event, pattern: build.completed, from: BuildBot, when: '{one}'}}\n"
        for one in conditions
    )
    head, _, tail = FLEET["rules/bots/testbot.yaml"].partition("triggers: ")
    bot = f"{head}triggers:\n{triggers}{tail.partition(chr(10))[2]}"
    files = dict(FLEET) | {"rules/events.yaml": events, "rules/bots/testbot.yaml": bot}
    return load({path: text.encode() for path, text in files.items()})
