"""Answers of the analysis: examples that are whole events, proofs, and honest ignorance."""

from decimal import Decimal
from typing import Any

import pytest

from lotabots.condition.boxes import (
    Region,
    Unknown,
    difference,
    implies,
    meet,
    overlap,
    region,
    satisfiable,
    witness,
)
from lotabots.condition.check import check, root_type
from lotabots.condition.expr import Expr
from lotabots.condition.parse import parse
from lotabots.model.event import (
    BooleanType,
    EnumType,
    Field,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)

COVERAGE = ObjectType((Field("line", NumberType()), Field("branch", NumberType(), optional=True)))
ROOT = root_type(
    ObjectType(
        (
            Field("ref", TextType(max_length=20)),
            Field("commit", TextType(format="commit")),
            Field("version", TextType(format="version")),
            Field("outcome", EnumType(("success", "failure"))),
            Field("checked", IntegerType(minimum=0)),
            Field("green", BooleanType()),
            Field("labels", ListType(TextType(max_length=8), max_items=2)),
            Field("coverage", COVERAGE, optional=True),
        )
    )
)


def condition(text: str) -> Expr:
    expr = parse(text)
    assert not isinstance(expr, tuple), expr
    assert check(expr, ROOT) == ()
    return expr


def payload(text: str, **fixed: str | bool | int) -> Any:  # noqa: ANN401 - JSON, or no answer
    known = {f"payload.{name}": value for name, value in fixed.items()}
    found = satisfiable([condition(text)], ROOT, fixed=known)
    return found["payload"] if isinstance(found, dict) else found


def test_an_example_is_a_whole_event_of_its_type():
    found = satisfiable([condition("has(payload.coverage) && payload.coverage.line > 0.8")], ROOT)
    assert found == {
        "payload": {
            "ref": "x",
            "commit": "0" * 40,
            "version": "1.0.0",
            "outcome": "success",
            "checked": 0,
            "green": False,
            "labels": [],
            "coverage": {"line": 1},
        },
        "event": {"priority": "high", "attempt": 1, "hops": 0},
    }


@pytest.mark.parametrize(
    ("text", "member", "value"),
    [
        ("payload.ref.startsWith('ab') && payload.ref.endsWith('bc')", "ref", "abc"),
        ("payload.ref.contains('ab') && payload.ref.contains('ba')", "ref", "aba"),
        (
            "payload.ref.contains('ab') && payload.ref.contains('ba') && payload.ref != 'aba'",
            "ref",
            "bab",
        ),
        ("!payload.ref.contains('x') && !(payload.ref in ['y', 'z'])", "ref", ""),
        ("payload.commit.startsWith('dead')", "commit", "dead" + "0" * 36),
        ("payload.version.startsWith('2.') && payload.version != '2.0.0'", "version", "2."),
        ("payload.outcome.contains('fail')", "outcome", "failure"),
        ("payload.outcome != 'success'", "outcome", "failure"),
        ("payload.checked > 2.5 && payload.checked != 3", "checked", 4),
        ("payload.checked in [7, 5] && payload.checked != 5", "checked", 7),
        ("payload.green != false", "green", True),
        ("'b' in payload.labels && 'a' in payload.labels", "labels", ["a", "b"]),
        (
            "has(payload.coverage) && payload.coverage.line > 0.8 && payload.coverage.line < 0.85",
            "coverage",
            {"line": Decimal("0.81")},
        ),
        (
            "has(payload.coverage.branch) && payload.coverage.branch < -2",
            "coverage",
            {"line": 0, "branch": -3},
        ),
    ],
)
def test_the_example_shows_what_the_condition_asks_for(text: str, member: str, value: object):
    assert payload(text)[member] == value


@pytest.mark.parametrize(
    "text",
    [
        "payload.ref == 'a' && payload.ref == 'b'",
        "payload.ref.startsWith('a') && payload.ref.startsWith('b')",
        "payload.ref.startsWith('abc') && payload.ref.contains('x') && !payload.ref.contains('c')",
        "payload.ref == 'longer than twenty characters'",
        "payload.ref.startsWith('0123456789') && payload.ref.endsWith('abcdefghijk')",
        "payload.ref.startsWith('')  && payload.ref.contains('a') && !payload.ref.contains('')",
        "payload.commit == 'main'",
        "payload.commit.startsWith('a') && payload.commit.startsWith('b')",
        "payload.outcome != 'success' && payload.outcome != 'failure'",
        "payload.checked < 0",
        "payload.checked > 2 && payload.checked < 3",
        "payload.green && !payload.green",
        "has(payload.coverage.branch) && !has(payload.coverage)",
        "'a' in payload.labels && 'b' in payload.labels && 'c' in payload.labels",
        "'much too long' in payload.labels",
        "!has(payload.ref)",
        "event.attempt == 0",
        "false",
    ],
)
def test_what_can_never_hold_is_proved(text: str):
    assert payload(text) is None


def test_known_values_narrow_the_question():
    text = "payload.outcome == 'failure' && payload.checked > 1"
    assert payload(text, outcome="failure")["checked"] == 2
    assert payload(text, outcome="success") is None
    assert payload(text, outcome=5) is None
    assert payload(text, undeclared="x")["outcome"] == "failure"


def test_overlap_difference_and_implication_come_with_an_example():
    a, b = condition("payload.checked >= 3"), condition("payload.checked >= 5")
    both, only = overlap(a, b, ROOT), difference(a, b, ROOT)
    assert isinstance(both, dict)
    assert both["payload"]["checked"] == 5
    assert isinstance(only, dict)
    assert only["payload"]["checked"] == 3
    assert difference(b, a, ROOT) is None
    assert implies(b, a, ROOT) is True
    assert implies(a, b, ROOT) is False


def test_regions_can_be_kept_and_met():
    a, b = (region([condition(text)], ROOT) for text in ("payload.checked < 3", "payload.green"))
    assert isinstance(a, Region)
    assert isinstance(b, Region)
    both = meet(a, b)
    assert isinstance(both, Region)
    found = witness(both)
    assert isinstance(found, dict)
    assert found["payload"]["green"] is True


def test_too_many_cases_are_unknown_and_never_no():
    pair = "(payload.ref.contains('{0}') || payload.version.contains('{0}'))"
    wide = condition(" && ".join(pair.format(letter) for letter in "abcdefghij"))
    unknown = Unknown("the condition splits into more than 512 cases")
    assert satisfiable([wide], ROOT) == unknown
    assert implies(wide, condition("false"), ROOT) is None
    half = region([condition(" && ".join(pair.format(letter) for letter in "abcdef"))], ROOT)
    assert isinstance(half, Region)
    together = meet(half, half)
    assert together == Unknown("the conditions together split into more than 512 cases")


def test_a_format_that_no_known_value_fits_is_unknown():
    found = payload("payload.commit.contains('xyz')")
    assert found == Unknown("no text of the format `commit` was found that fits")
