"""What counts as passing, gate by gate and field by field, and how a way around is told."""

from __future__ import annotations

import pytest

from lotabots.checks.run import run
from lotabots.model.load import load

EVENTS = """
events:
  asked: {external: true, emitters: [cli.*], payload: {id: string, ok: boolean}}
  seen: {external: true, emitters: [ingress.git], payload: {id: string, ok: boolean}}
  done: {emitters: [gate.g], terminal: true, payload: {id: string, ok: boolean}}
"""
FRAME = {
    "rules/fleet.yaml": "fleet: {name: f}",
    "rules/capabilities.yaml": "capabilities: {work: Work}",
    "rules/events.yaml": EVENTS,
    "rules/bots/b.yaml": """
bot: {name: B}
scope: [work]
triggers: [{type: event, pattern: asked, when: payload.ok}]
actions: [{name: work, capability: work, command: work}]
""",
}


def found(gate: str, passes: str, *, to: str = "done") -> list[tuple[str, tuple[str, ...]]]:
    """Findings of invariants, with their notes, about a gate on `asked` and `seen`."""
    files = FRAME | {
        "rules/gates.yaml": f"gates: [{{name: g, within: 1h, {gate}}}]",
        "rules/invariants.yaml": "invariants: [{name: i, doc: it matters, "
        f"every_path_to: {to}, passes: [{passes}]}}]",
    }
    loaded = load({path: text.encode() for path, text in files.items()})
    assert loaded.diagnostics == ()
    return [(d.code, d.notes) for d in run(loaded).diagnostics if d.code.startswith("LB9")]


BY_ID = "join_on: [payload.id]"
BOTH = "[{pattern: asked, as: a}, {pattern: seen, as: s}]"
SET_OK = "then: {emit: done, set: {ok: true}}"


@pytest.mark.parametrize(
    ("kind", "passed", "held"),
    [
        (f"all: {BOTH}", "asked", True),
        (f"all: {BOTH}", "seen", True),
        (f"any: {BOTH}", "asked", False),
        ("count: {pattern: asked, times: 2}", "asked", True),
        ("count: {pattern: asked, times: 2}", "seen", False),
        ("absent: {pattern: seen}, after: {pattern: asked}", "asked", True),
        ("absent: {pattern: seen}, after: {pattern: asked}", "seen", False),
        ("all: [{pattern: '*'}, {pattern: seen}]", "asked", False),
    ],
)
def test_a_gate_passes_what_it_cannot_complete_without(kind: str, passed: str, held: bool):
    assert (found(f"{kind}, {BY_ID}, {SET_OK}", passed) == []) is held


@pytest.mark.parametrize(
    ("gate", "passage", "held"),
    [
        (f"{BY_ID}, {SET_OK}", "{event: seen, same: [payload.id]}", True),
        (
            "join_on: [payload.ok], then: {emit: done, set: {id: $a.id}}",
            "{event: asked, same: [payload.id]}",
            True,
        ),
        (
            "join_on: [payload.ok], then: {emit: done, set: {id: $a.id}}",
            "{event: seen, same: [payload.id]}",
            False,
        ),
        (
            "join_on: [payload.ok], then: {emit: done, set: {id: fixed}}",
            "{event: asked, same: [payload.id]}",
            False,
        ),
        (
            "join_on: [payload.id, payload.ok], then: {emit: done, set: {id: fixed}}",
            "{event: asked, same: [payload.id]}",
            False,
        ),
    ],
)
def test_a_value_is_followed_through_join_keys_and_copies(gate: str, passage: str, held: bool):
    assert (found(f"all: {BOTH}, {gate}", passage) == []) is held


@pytest.mark.parametrize(
    ("when", "wanted", "held"),
    [
        ("payload.ok", "payload.ok", True),
        ('payload.ok && payload.id != \\"x\\"', "payload.ok", True),
        ("true", "payload.ok", False),
        ("!payload.ok", "payload.ok", False),
    ],
)
def test_a_part_passes_what_its_condition_implies(when: str, wanted: str, held: bool):
    gate = f'all: [{{pattern: asked, when: "{when}"}}], {BY_ID}, {SET_OK}'
    assert (found(gate, f"{{event: asked, when: {wanted}}}") == []) is held


def test_a_capability_is_reached_by_the_triggers_of_its_actions():
    gate = f"all: {BOTH}, {BY_ID}, {SET_OK}"
    power = "{capability: work}"
    assert found(gate, "{event: asked, when: payload.ok, same: [payload.id]}", to=power) == []
    assert [code for code, _ in found(gate, "seen", to=power)] == ["LB911"]


def test_a_way_around_is_told_step_by_step_with_the_fields_that_matter():
    gate = f"all: {BOTH}, {BY_ID}, {SET_OK}"
    told = found(gate, "{event: asked, when: payload.ok}", to="{event: done, when: payload.ok}")
    assert told == [
        (
            "LB911",
            (
                "why it must hold: it matters",
                "1. `cli.*` sends `asked` (payload.ok = false), which counts for `gate.g`",
                "2. `ingress.git` sends `seen`, which counts for `gate.g`",
                "3. `gate.g` sends `done` (payload.ok = true)",
            ),
        )
    ]
