"""The form of invariants: what may stand beside what, and what is said where it may not."""

from __future__ import annotations

import pytest

from lotabots.model.encode import leaves
from lotabots.model.invariant import InvariantKind
from lotabots.model.load import Loaded, load

FRAME = {
    "rules/fleet.yaml": b"fleet: {name: f}",
    "rules/capabilities.yaml": b"capabilities: {}",
    "rules/events.yaml": b"events: {}",
    "rules/bots/b.yaml": b"bot: {name: B}",
}


def loaded(invariant: str) -> Loaded:
    text = f"invariants: [{{name: a, doc: d, {invariant}}}]"
    return load({**FRAME, "rules/invariants.yaml": text.encode()})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("every_path_to: x.y, passes: [a.b]", InvariantKind.PATH),
        ("every_path_to: {capability: c}, passes_one_of: [a.b, {event: c.d}]", InvariantKind.PATH),
        ("approved: {capability: c, on: p}", InvariantKind.APPROVED),
        ("no_path_from: {source: B}, to: x.y, unless: approval", InvariantKind.SEPARATE),
        ("only: [B, gate.g, 'cli.*'], emit: x.y", InvariantKind.ONLY),
        ("never: [{category: data}], may: c", InvariantKind.NEVER),
        ("no_action: {read: '{source}', network: ['*']}", InvariantKind.GRANTS),
    ],
)
def test_each_kind_is_told_by_its_key(text: str, kind: InvariantKind):
    read = loaded(text)
    assert read.diagnostics == ()
    assert [one.kind for one in read.fleet.invariants] == [kind]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "passes: [a.b]",
            (
                "1:14 LB006 missing key `every_path_to`, `approved`, `no_path_from`, `only`, "
                "`never` or `no_action` in an invariant"
            ),
        ),
        (
            "every_path_to: x.y",
            "1:14 LB006 missing key `passes` or `passes_one_of` in an invariant of paths",
        ),
        (
            "approved: x.y, only: [B]",
            "1:47 LB007 `only` beside `approved` in an invariant",
        ),
        (
            "every_path_to: {event: x, capability: y}, passes: [a.b]",
            "1:58 LB007 `capability` beside `event` in a target",
        ),
        (
            "only: [B], passes: [a.b]",
            "1:14 LB006 missing key `may` or `emit` in an exclusive invariant",
        ),
        ("no_action: {source: B}", "1:43 LB007 expected a grant, found a mapping"),
        (
            "approved: x.y, unles: approval",
            "1:47 LB005 unknown key `unles` in an invariant of approval",
        ),
        (
            "every_path_to: x.y, passes: []",
            "1:60 LB007 expected at least 1 item, found an empty list",
        ),
    ],
)
def test_a_form_that_says_nothing_is_refused_where_it_stands(text: str, said: str):
    found = [
        f"{d.primary.span.line}:{d.primary.span.column} {d.code} {d.message}"
        for d in loaded(text).diagnostics
    ]
    assert found == [said]


def test_a_reason_is_mandatory():
    data = b"invariants: [{name: a, approved: x.y}]"
    (found,) = load({**FRAME, "rules/invariants.yaml": data}).diagnostics
    assert (found.code, found.message) == (
        "LB006",
        "missing key `doc` in an invariant of approval",
    )


def test_invariants_are_a_leaf_of_the_digest_and_nothing_where_there_are_none():
    assert "invariants" in leaves(loaded("approved: x.y").fleet)
    assert "invariants" not in leaves(load(FRAME).fleet)
