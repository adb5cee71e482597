"""The resolved fleet in ``rules/`` against every line of the specification.

``tests/data/seed-lines.yaml`` holds the lines word for word and what each of them became. These
tests hold that file, the fleet and ``docs/seed-decisions.md`` in agreement.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lotabots.model.bot import TriggerKind
from lotabots.model.capability import covers
from lotabots.model.load import load
from lotabots.model.names import SCHEDULE_TICK, matches

if TYPE_CHECKING:
    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet
    from lotabots.model.load import Loaded

ROOT = Path(__file__).parents[3]
LINES = yaml.safe_load((ROOT / "tests/data/seed-lines.yaml").read_text(encoding="utf-8"))
DECISIONS = (ROOT / "docs/seed-decisions.md").read_text(encoding="utf-8")

BOTS = tuple(LINES["bots"])
SECTIONS = ("scope", "boundaries", "input", "output")
HEADINGS = {"scope": "Scope", "boundaries": "Boundary", "input": "Input", "output": "Output"}


@cache
def loaded(workspace: str = ".") -> Loaded:
    """The workspace at this path of the repository."""
    root = ROOT / workspace
    paths = [path for top in ("rules", "graphs") for path in (root / top).rglob("*.y*ml")]
    return load({path.relative_to(root).as_posix(): path.read_bytes() for path in paths})


@pytest.fixture(name="fleet")
def the_fleet() -> Fleet:
    return loaded().fleet


def lines(bot: str, section: str) -> list[dict[str, Any]]:
    return list(LINES["bots"][bot][section])


def each(section: str) -> list[Any]:
    return [
        pytest.param(bot, line, id=f"{bot}: {line['says']}")
        for bot in BOTS
        for line in lines(bot, section)
    ]


def owner(fleet: Fleet, bot: str, line: dict[str, Any]) -> Bot:
    found = fleet.bot(line.get("owner", bot))
    assert found is not None
    return found


def starts(bot: Bot, event: str) -> bool:
    """Whether an event of this type can start `bot`."""
    if event == SCHEDULE_TICK:
        return any(trigger.kind is TriggerKind.SCHEDULE for trigger in bot.triggers)
    return any(t.pattern and matches(t.pattern, event) for t in bot.triggers)


def became(line: dict[str, Any]) -> str:
    """What the line became, as the tables of the document say it."""
    if "deny" in line:
        result = "denies " + ", ".join(f"`{name}`" for name in line["deny"])
        return result + (" unless approved" if "unless" in line else "")
    kind = next(key for key in ("capability", "event", "artifact") if key in line)
    moved = f" of {line['owner']}" if "owner" in line else ""
    return f"{kind} `{line[kind]}`{moved}"


def table(bot: str) -> str:
    """The table of one bot in ``docs/seed-decisions.md``."""
    rows = ["| the seed says | in rules/ | why |", "|---|---|---|"]
    for section in SECTIONS:
        for line in lines(bot, section):
            decision = line.get("decision", "")
            why = f"[{decision}](#{decision.lower()})" if decision else ""
            rows.append(f"| {HEADINGS[section]}: {line['says']} | {became(line)} | {why} |")
    return "\n".join(rows)


def test_the_rules_of_this_repository_have_no_form_errors():
    assert loaded().diagnostics == ()


def test_all_fifteen_bots_of_the_seed_are_declared_and_no_other(fleet: Fleet):
    assert len(BOTS) == 15
    assert {bot.name for bot in fleet.bots} == set(BOTS)


def test_every_line_of_the_seed_is_accounted_for():
    assert [len(lines(bot, "scope")) for bot in BOTS] == [4] * 15
    assert [len(lines(bot, "boundaries")) for bot in BOTS] == [3] * 15
    assert sum(len(lines(bot, "input")) for bot in BOTS) == 31
    assert sum(len(lines(bot, "output")) for bot in BOTS) == 33


@pytest.mark.parametrize("name", BOTS)
def test_responsibilities_are_those_of_the_seed(fleet: Fleet, name: str):
    bot = fleet.bot(name)
    assert bot is not None
    assert bot.responsibility == LINES["bots"][name]["responsibility"]


@pytest.mark.parametrize(("name", "line"), each("scope"))
def test_each_scope_line_is_a_capability_in_scope(fleet: Fleet, name: str, line: dict[str, Any]):
    bot = owner(fleet, name, line)
    assert fleet.capabilities.knows(line["capability"])
    assert any(covers(claim.capability, line["capability"]) for claim in bot.scope)


@pytest.mark.parametrize(("name", "line"), each("scope"))
def test_each_scope_line_is_exercised_by_an_action_of_its_owner(
    fleet: Fleet, name: str, line: dict[str, Any]
):
    exercised = {
        capability
        for action in owner(fleet, name, line).actions
        for capability in fleet.capabilities.closure(action.capability)
    }
    assert any(
        covers(capability, line["capability"]) or covers(line["capability"], capability)
        for capability in exercised
    )


@pytest.mark.parametrize(("name", "line"), each("boundaries"))
def test_each_boundary_line_is_a_boundary_with_a_reason(
    fleet: Fleet, name: str, line: dict[str, Any]
):
    bot = owner(fleet, name, line)
    for denied in line["deny"]:
        assert fleet.capabilities.knows(denied)
        found = [b for b in bot.boundaries if b.deny == denied and b.on == "*"]
        assert [bool(b.reason) for b in found] == [True]
        assert found[0].unless_approved is ("unless" in line)


@pytest.mark.parametrize(("name", "line"), each("input"))
def test_each_input_line_starts_its_bot_or_is_consumed_by_it(
    fleet: Fleet, name: str, line: dict[str, Any]
):
    bot = owner(fleet, name, line)
    if "event" in line:
        assert line["event"] in fleet.events
        assert starts(bot, line["event"])
    else:
        assert line["artifact"] in fleet.artifacts
        assert any(line["artifact"] in action.consumes for action in bot.actions)


@pytest.mark.parametrize(("name", "line"), each("output"))
def test_each_output_line_is_emitted_or_produced_by_its_bot(
    fleet: Fleet, name: str, line: dict[str, Any]
):
    bot = owner(fleet, name, line)
    if "event" in line:
        emitted = {emission.type for action in bot.actions for emission in action.emits}
        assert line["event"] in emitted
        assert bot.name in fleet.events[line["event"]].emitters
    else:
        assert any(line["artifact"] in action.produces for action in bot.actions)


def test_the_twelve_event_types_of_the_seed_are_in_the_catalogue(fleet: Fleet):
    assert len(LINES["events"]) == 12
    assert set(LINES["events"]) <= set(fleet.events)


@pytest.mark.parametrize("arrow", LINES["graph"], ids=lambda a: f"{a['from']}-{a['to']}")
def test_each_arrow_of_the_seed_graph_is_declared_directly_or_through_a_gate(
    fleet: Fleet, arrow: dict[str, str]
):
    assert len(LINES["graph"]) == 8
    stops = [arrow["from"], *([arrow["through"]] if "through" in arrow else []), arrow["to"]]
    edges = {(edge.source, edge.target) for edge in fleet.edges}
    assert set(pairwise(stops)) <= edges


def test_categories_and_phases_are_those_of_the_seed(fleet: Fleet):
    assert set(fleet.settings.categories) == set(LINES["categories"])
    assert [phase.name for phase in fleet.settings.phases] == list(LINES["phases"])
    assert {bot.category for bot in fleet.bots} == set(LINES["categories"])


def test_bots_stand_in_the_phase_of_the_seed_or_in_the_documented_one(fleet: Fleet):
    said = {bot: phase for phase, bots in LINES["phases"].items() for bot in bots}
    assert {bot.name: bot.phase for bot in fleet.bots} == said | LINES["moved_phases"]


@pytest.mark.parametrize("name", BOTS)
def test_the_document_has_the_table_of_each_bot(name: str):
    assert f"### {name}\n\n{table(name)}\n" in DECISIONS


def test_all_thirty_six_decisions_are_explained_once_and_in_order():
    last = {"a": 6, "b": 11, "c": 19, "d": 28, "e": 31, "f": 36}
    first = dict(zip(last, [1, *(n + 1 for n in last.values())], strict=False))
    expected = [f"{f}{n}" for f in last for n in range(first[f], last[f] + 1)]
    assert re.findall('<a id="([a-f][0-9]+)"></a>', DECISIONS) == expected


def test_each_decision_that_a_line_points_at_is_explained():
    named = {line.get("decision", "A1") for bot in BOTS for s in SECTIONS for line in lines(bot, s)}
    assert {name for name in named if f'<a id="{name.lower()}"></a>' not in DECISIONS} == set()


def test_the_example_configuration_of_the_seed_loads_without_form_errors():
    example = loaded("examples/seed-config")
    assert example.diagnostics == ()
    assert [bot.name for bot in example.fleet.bots] == ["BotName"]
    assert example.fleet.bots[0].constraints.retry_policy.max_attempts == 3


def test_the_literal_encoding_of_the_seed_loads_without_form_errors():
    literal = loaded("examples/seed-literal")
    assert literal.diagnostics == ()
    assert {bot.name for bot in literal.fleet.bots} == set(BOTS)
    assert set(LINES["events"]) <= set(literal.fleet.events)
