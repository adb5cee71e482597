"""What a condition must fit, problem by problem: message, help and the underlined text."""

from decimal import Decimal

import pytest

from lotabots.condition.check import check, root_type
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

CHANGE = ObjectType((Field("id", TextType(format="commit")), Field("base", TextType(), True)))
COVERAGE = ObjectType((Field("line", NumberType()), Field("branch", NumberType(), True)))
ROOT = root_type(
    ObjectType(
        (
            Field("ref", TextType()),
            Field("outcome", EnumType(("success", "failure", "error", "cancel"))),
            Field("checked", IntegerType()),
            Field("ratio", NumberType(Decimal(0), Decimal(1))),
            Field("green", BooleanType()),
            Field("labels", ListType(TextType())),
            Field("sizes", ListType(IntegerType())),
            Field("change", CHANGE),
            Field("coverage", COVERAGE, True),
            Field("note", TextType(), True),
        )
    )
)


def problems(text: str) -> list[tuple[str, str, str, str]]:
    expr = parse(text)
    assert not isinstance(expr, tuple), expr
    return [
        (one.kind, text[one.start : one.end], one.message, one.help) for one in check(expr, ROOT)
    ]


@pytest.mark.parametrize(
    "text",
    [
        'payload.ref == "main"',
        "payload.green",
        "payload.green == false || !payload.green",
        "payload.checked >= 0.5 && payload.checked == 1.0",
        "payload.ratio == 0.5 && payload.ratio in [0, 1, 0.25]",
        'event.priority in ["high", "low"] && event.attempt < 2 && event.hops <= 3',
        '"urgent" in payload.labels',
        'payload.outcome.startsWith("s")',
        'payload.change.id.endsWith("0")',
        "has(payload.coverage) && payload.coverage.line >= 0.8",
        "!has(payload.coverage) || payload.coverage.line >= 0.8",
        "has(payload.coverage.line) && payload.coverage.line >= 0.8",
        "has(payload.coverage.branch) && payload.coverage.line > 0",
        "!(!has(payload.note) || payload.green) && payload.note == 'x'",
        "(has(payload.note) && payload.green || has(payload.note)) && payload.note == 'x'",
        "has(payload.ref)",
        "true || false",
    ],
)
def test_a_condition_that_fits_has_no_problem(text: str):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "underlined", "message", "cure"),
    [
        (
            'payload.reff == "x"',
            "unknown-field",
            "payload.reff",
            "unknown field `payload.reff`",
            "did you mean `payload.ref`?",
        ),
        (
            "payload.change.zzz == 'x'",
            "unknown-field",
            "payload.change.zzz",
            "unknown field `payload.change.zzz`",
            "`payload.change` has `id`, `base`; others must be declared in rules/events.yaml",
        ),
        (
            "has(payload.quux)",
            "unknown-field",
            "payload.quux",
            "unknown field `payload.quux`",
            (
                "`payload` has `ref`, `outcome`, `checked`, `ratio`, `green`, `labels`, `sizes`, "
                "`change` and 2 more; others must be declared in rules/events.yaml"
            ),
        ),
        (
            "coverage.line > 1",
            "unknown-field",
            "coverage.line",
            "unknown field `coverage`",
            "did you mean `payload.coverage`?",
        ),
        (
            "paylod.ref == 'x'",
            "unknown-field",
            "paylod.ref",
            "unknown field `paylod`",
            "did you mean `payload`?",
        ),
        (
            "zzz == 'x'",
            "unknown-field",
            "zzz",
            "unknown field `zzz`",
            "fields begin with `payload.` or `event.`; put text in quotes",
        ),
        (
            "event.type == 'x'",
            "unknown-field",
            "event.type",
            "unknown field `event.type`",
            "`event` has `priority`, `attempt`, `hops`",
        ),
        (
            "payload.ref.length > 1",
            "unknown-field",
            "payload.ref.length",
            "`payload.ref` is text and has no member `length`",
            "end the path at `payload.ref`",
        ),
        (
            'payload.outcome == "sucess"',
            "type",
            '"sucess"',
            '`payload.outcome` is never `"sucess"`',
            'did you mean `"success"`?',
        ),
        (
            'event.priority in ["high", "urgent"]',
            "type",
            '"urgent"',
            '`event.priority` is never `"urgent"`',
            'it is one of `"high"`, `"medium"`, `"low"`',
        ),
        (
            "payload.ref == 5",
            "type",
            "5",
            "`payload.ref` is text, and `5` is a number",
            'put it in quotes: `"5"`',
        ),
        (
            'payload.checked >= "5"',
            "type",
            '"5"',
            '`payload.checked` is a whole number, and `"5"` is text',
            "leave out the quotes: `5`",
        ),
        (
            'payload.ratio == "high"',
            "type",
            '"high"',
            '`payload.ratio` is a number, and `"high"` is text',
            "compare it with a number, such as `1`",
        ),
        (
            'payload.green == "true"',
            "type",
            '"true"',
            '`payload.green` is a boolean, and `"true"` is text',
            "compare it with `true` or `false`, or write the field alone",
        ),
        (
            "payload.checked == true",
            "type",
            "true",
            "`payload.checked` is a whole number, and `true` is a boolean",
            "compare it with a number, such as `1`",
        ),
        (
            'payload.ref < "b"',
            "type",
            "payload.ref",
            "`<` compares numbers, and `payload.ref` is text",
            "text is compared with `==`, `!=`, `in`, `startsWith`, `endsWith` and `contains`",
        ),
        (
            "payload.green > false",
            "type",
            "payload.green",
            "`>` compares numbers, and `payload.green` is a boolean",
            "write the field alone, or `!` and the field",
        ),
        (
            "payload.checked == 0.5",
            "type",
            "0.5",
            "`payload.checked` is a whole number and never equals `0.5`",
            "write a whole number, or an order such as `<`",
        ),
        (
            "payload.change == 'x'",
            "type",
            "payload.change",
            "`payload.change` is an object",
            "read one of its members: `payload.change.id`, `payload.change.base`",
        ),
        (
            "payload.labels in ['x', 'y']",
            "type",
            "payload.labels",
            "`payload.labels` is a list",
            'ask for a member: `"text" in payload.labels`',
        ),
        (
            "payload.labels.contains('x')",
            "type",
            "payload.labels",
            "`contains` looks into text, and `payload.labels` is a list",
            'write `"x" in payload.labels`',
        ),
        (
            "payload.checked.startsWith('x')",
            "type",
            "payload.checked",
            "`startsWith` looks into text, and `payload.checked` is a whole number",
            "numbers are compared with `==`, `!=`, `<`, `<=`, `>`, `>=` and `in`",
        ),
        (
            "payload.checked",
            "type",
            "payload.checked",
            "`payload.checked` is a whole number, not a condition",
            "compare it: `payload.checked == 1`",
        ),
        (
            "payload.outcome",
            "type",
            "payload.outcome",
            "`payload.outcome` is text, not a condition",
            'compare it: `payload.outcome == "success"`',
        ),
        (
            "'x' in payload.ref",
            "type",
            "payload.ref",
            "`payload.ref` is text, not a list",
            'write `payload.ref in ["x"]`, or `payload.ref.contains("x")`',
        ),
        (
            "1 in payload.sizes",
            "type",
            "payload.sizes",
            "`payload.sizes` is a list, but not of text",
            "only a list of text can be asked for a member",
        ),
        (
            "1 in payload.labels",
            "type",
            "1",
            "`payload.labels` is a list of text, and `1` is a number",
            'put it in quotes: `"1"`',
        ),
        (
            "payload.coverage.line >= 0.8",
            "absent",
            "payload.coverage.line",
            "`payload.coverage` may be absent",
            "ask for it first: `has(payload.coverage) && ...`",
        ),
        (
            "has(payload.coverage) && payload.coverage.branch > 0",
            "absent",
            "payload.coverage.branch",
            "`payload.coverage.branch` may be absent",
            "ask for it first: `has(payload.coverage.branch) && ...`",
        ),
        (
            "has(payload.note) || payload.note == 'x'",
            "absent",
            "payload.note",
            "`payload.note` may be absent",
            "ask for it first: `has(payload.note) && ...`",
        ),
        (
            "payload.note == 'x' && has(payload.note)",
            "absent",
            "payload.note",
            "`payload.note` may be absent",
            "ask for it first: `has(payload.note) && ...`",
        ),
        (
            "!(has(payload.note) && payload.green) && payload.note == 'x'",
            "absent",
            "payload.note",
            "`payload.note` may be absent",
            "ask for it first: `has(payload.note) && ...`",
        ),
        (
            "(has(payload.note) || payload.green) && payload.note == 'x'",
            "absent",
            "payload.note",
            "`payload.note` may be absent",
            "ask for it first: `has(payload.note) && ...`",
        ),
    ],
)
def test_a_misfit_is_named_with_its_cure(
    text: str, kind: str, underlined: str, message: str, cure: str
):
    assert problems(text) == [(kind, underlined, message, cure)]


def test_all_problems_are_reported_in_text_order():
    found = problems("payload.reff == 'x' && payload.checked == 'y' && payload.note == 'z'")
    assert [kind for kind, *_ in found] == ["unknown-field", "type", "absent"]


def test_an_unguarded_field_is_reported_once():
    found = problems("payload.note == 'x' || payload.note == 'y'")
    assert [kind for kind, *_ in found] == ["absent"]
