"""The parts of a condition that people are told about."""

import pytest

from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, fields, render


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("payload.a", ["payload.a"]),
        ("a.x && (b.x || c.x) && !d.x", ["a.x", "b.x || c.x", "!d.x"]),
        ("a.x && (b.x && c.x)", ["a.x", "b.x", "c.x"]),
        ("a.x || b.x && c.x", ["a.x || b.x && c.x"]),
        ("!(a.x && b.x)", ["!(a.x && b.x)"]),
    ],
)
def test_clauses_are_what_must_hold_one_by_one(text: str, parts: list[str]):
    assert [render(one) for one in clauses(parse(text))] == parts


def test_a_clause_can_be_shown_as_it_was_written():
    text = "a.x  &&  ( b.x||c.x )"
    shown = [text[one.start : one.end] for one in clauses(parse(text))]
    assert shown == ["a.x", "( b.x||c.x )"]


def test_fields_are_named_once_in_reading_order():
    expr = parse("has(payload.b) && (payload.b.c > 1 || 'x' in payload.a) && !(payload.b.c == 2)")
    assert fields(expr) == ("payload.b", "payload.b.c", "payload.a")
    assert fields(parse("true")) == ()
