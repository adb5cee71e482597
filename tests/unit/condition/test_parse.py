"""What the parser takes, and what it says about everything else: message, help, underlined text."""

from decimal import Decimal

import pytest

from lotabots.condition.expr import Compare, Expr, FieldPath, OneOf, Text, Value
from lotabots.condition.parse import MAX_DEPTH, MAX_LEAVES, MAX_LENGTH, parse
from lotabots.condition.text import render

NO_PATTERN = "write `startsWith`, `endsWith` or `contains`, joined with `&&` and `||`"
ARITHMETIC = (
    "arithmetic is not offered",
    "compute the value where the event is made, send it as a field, and compare that field",
)
CHAIN = (
    "comparisons do not chain",
    "write both and join them: `0 < payload.x && payload.x < 10`",
)
QUESTION = ("`?:` is not offered", "write `a && b || !a && c` for `a ? b : c`")
NUMBER = "write a plain decimal number such as `15`, `0.8` or `-2`, or put text in quotes"
TOO_EARLY = "the condition ends too early"
TYPOGRAPHIC = "this is a typographic quote"
NO_MEMBERS = 'a list can be asked for a member: `"text" in payload.list`'


def parsed(text: str) -> Expr:
    found = parse(text)
    assert not isinstance(found, tuple), found
    return found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("payload.a=='x'", 'payload.a == "x"'),
        ('"x" != payload.a', 'payload.a != "x"'),
        ("0.80 <= payload.c", "payload.c >= 0.8"),
        ("1 > payload.c", "payload.c < 1"),
        ("payload.n in [1, 2.50, -3e2, .5,]", "payload.n in [1, 2.5, -300, 0.5]"),
        ("payload.n == - 1", "payload.n == -1"),
        ("payload.n == -0.0", "payload.n == 0"),
        ("payload.n == 1e-3", "payload.n == 0.001"),
        ("payload.a.b . startsWith ( 'x' )", 'payload.a.b.startsWith("x")'),
        ("a.x && (b.x && c.x)", "a.x && b.x && c.x"),
        ("(a.x || b.x) || c.x", "a.x || b.x || c.x"),
        ("a.x || b.x && c.x", "a.x || b.x && c.x"),
        ("(a.x || b.x) && c.x", "(a.x || b.x) && c.x"),
        ("!(a.x && b.x)", "!(a.x && b.x)"),
        ("!(a.x)", "!a.x"),
        ("!!has(payload.a.b)", "!!has(payload.a.b)"),
        ("!(payload.a == 1)", "!(payload.a == 1)"),
        ("payload.flag == true || false", "payload.flag == true || false"),
        ("'x' in payload.labels", '"x" in payload.labels'),
        ("payload.has == 1 && payload.in in ['in']", 'payload.has == 1 && payload.in in ["in"]'),
        ("\n  payload.a == 1\n  && payload.b\n", "payload.a == 1 && payload.b"),
    ],
)
def test_a_condition_has_one_canonical_text(text: str, canonical: str):
    assert render(parsed(text)) == canonical
    assert parsed(canonical) == parsed(text)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r'"a\"b"', 'a"b'),
        (r"'a\'b'", "a'b"),
        (r'"\a\b\f\n\r\t\v\\\?\`"', "\a\b\f\n\r\t\v\\?`"),
        (r'"\x41\X42\u00e9\U0001F600\101"', "AB\u00e9\U0001f600A"),
        (r"r'a\d'", "a\\d"),
        (r'R"\"', "\\"),
        ('"é, ☃"', "é, ☃"),
        ('""', ""),
    ],
)
def test_text_literals_are_those_of_cel(literal: str, value: str):
    expr = parsed(f"payload.a == {literal}")
    assert isinstance(expr, Compare)
    assert expr.value.value == value
    assert parsed(render(expr)) == expr


def test_whole_numbers_are_integers_and_others_exact_decimals():
    expr = parsed("payload.n in [1.0, 10e2, 0.1, 123456789012345678901234567890]")
    assert isinstance(expr, OneOf)
    values = [one.value for one in expr.values]
    assert values == [1, 1000, Decimal("0.1"), 123456789012345678901234567890]
    assert [type(one) for one in values] == [int, int, Decimal, int]


def test_every_part_knows_its_place():
    text = "payload.a.startsWith('x') && !('y' in payload.b)"
    expr = parsed(text)
    first, second = expr.operands
    assert text[expr.start : expr.end] == text
    assert isinstance(first, Text)
    assert text[first.field.start : first.field.end] == "payload.a"
    assert text[first.value.start : first.value.end] == "'x'"
    assert text[second.start : second.end] == "!('y' in payload.b)"


def test_true_is_not_one():
    assert Value(value=True) != Value(1)
    assert Compare(FieldPath(("a",)), "==", Value(value=True)) != Compare(
        FieldPath(("a",)), "==", Value(1)
    )


@pytest.mark.parametrize(
    ("text", "underlined", "message", "cure"),
    [
        ("", "", "the condition is empty", "leave `when` out instead"),
        ("  \n", "", "the condition is empty", "leave `when` out instead"),
        ("payload.a = 1", "=", "`=` does not compare", "write `==`"),
        ("payload.a === 1", "===", "`===` does not compare", "write `==`"),
        ("payload.a !== 1", "!==", "`!==` does not compare", "write `!=`"),
        ("payload.a <> 1", "<>", "`<>` does not compare", "write `!=`"),
        ("payload.a => 1", "=>", "`=>` does not compare", "write `>=`"),
        ("payload.a =~ 'x'", "=~", "regular expressions are not offered", NO_PATTERN),
        ("payload.a.matches('x')", "matches", "`matches` is not offered", NO_PATTERN),
        ("payload.a and payload.b", "and", "`and` is not an operator", "write `&&`"),
        ("payload.a OR payload.b", "OR", "`OR` is not an operator", "write `||`"),
        ("not payload.a", "not", "`not` is not an operator", "write `!(...)`"),
        ("not(payload.a)", "not", "`not` is not an operator", "write `!(...)`"),
        ("payload.a not in ['x']", "not", "`not` is not an operator", "write `!(...)`"),
        ("payload.a is 1", "is", "`is` is not an operator", "write `==`"),
        ("payload.a & payload.b", "&", "`&` does not join conditions", "write `&&`"),
        ("payload.a | payload.b", "|", "`|` does not join conditions", "write `||`"),
        (
            "payload.a == main",
            "main",
            "`main` is not a value",
            'put text in quotes: `"main"`',
        ),
        ("payload.a == True", "True", "`True` is not a value", "write `true`"),
        ("False", "False", "`False` is not a value", "write `false`"),
        (
            "payload.a == null",
            "null",
            "there is no `null`: a field has a value or is absent",
            "write `has(payload.x)` or `!has(payload.x)`",
        ),
        ("payload.a + 1 > 2", "+", *ARITHMETIC),
        ("payload.a - 1 > 2", "-", *ARITHMETIC),
        ("payload.a * 2 > 2", "*", *ARITHMETIC),
        ("payload.a % 2 == 0", "%", *ARITHMETIC),
        ("payload.a ? 1 : 2", "?", *QUESTION),
        (
            "size(payload.a) > 1",
            "size",
            "`size` is not offered",
            "send the number as a field of its own, and compare that field",
        ),
        (
            "payload.tags.exists(t, t == 'x')",
            "exists",
            "`exists` is not offered",
            NO_MEMBERS,
        ),
        (
            "payload.n == int('3')",
            "int",
            "`int` is not offered",
            "fields and literals already have a type; compare the field itself",
        ),
        (
            "payload.a.startswith('x')",
            "startswith",
            "unknown function `startswith`",
            "did you mean `startsWith`?",
        ),
        (
            "payload.a.frobnicate('x')",
            "frobnicate",
            "unknown function `frobnicate`",
            "there are `startsWith`, `endsWith`, `contains` and `has`",
        ),
        (
            "payload.a contains 'x'",
            "contains",
            "`contains` is not an operator",
            'write `payload.x.contains("text")`',
        ),
        (
            "payload.a.contains(payload.b)",
            "payload",
            "`contains` takes a text",
            'write `.contains("text")`',
        ),
        (
            "contains('x')",
            "contains",
            "`contains` needs a field",
            'write `payload.x.contains("text")`',
        ),
        ("0 < payload.a < 2", "<", *CHAIN),
        ("payload.a == 1 == true", "==", *CHAIN),
        (
            "!payload.a == 1",
            "!payload.a == 1",
            "`!` holds for the field alone, not for the comparison",
            "write `!=`, or put the comparison in parentheses: `!(...)`",
        ),
        (
            "(payload.a) == 1",
            "==",
            "only a field can be compared",
            "leave out the parentheses around a field; join conditions with `&&` and `||`",
        ),
        (
            "payload.a[0] == 1",
            "[",
            "members are not read with brackets",
            'write `payload.member`; to look into a list, write `"text" in payload.list`',
        ),
        (
            "payload.a == payload.b",
            "payload.a == payload.b",
            "this compares two fields",
            (
                "compare each field with a literal; "
                "to join events on equal fields use `join_on` of a gate"
            ),
        ),
        (
            "1 == 1",
            "1",
            "this compares two literals",
            "compare a field, such as `payload.x`, with a literal",
        ),
        (
            "'x' && payload.a",
            "'x'",
            "a literal is not a condition",
            "compare a field with it: `payload.x == ...`",
        ),
        ("payload.a in 'x'", "'x'", "`in` takes a list", 'write `in ["a", "b"]`'),
        (
            "payload.a in []",
            "]",
            "nothing is in an empty list",
            "name at least one value, or write `false`",
        ),
        ("payload.a in [1, 2", "", TOO_EARLY, "add `]`"),
        ("has(payload.a", "", TOO_EARLY, "add `)`"),
        ("payload.a == ", "", TOO_EARLY, "write a condition such as `payload.x == 1`"),
        ("payload.a &&", "", TOO_EARLY, "write a condition such as `payload.x == 1`"),
        ("has()", ")", "`has` takes a field", "write `has(payload.x)`"),
        ("((payload.a)", "(", "this parenthesis is not closed", "add `)`"),
        ("payload.a)", ")", "unexpected `)`", "join conditions with `&&` or `||`"),
        (
            "payload.a..b",
            ".",
            "a member name belongs after the dot",
            "write `payload.member`",
        ),
        (
            "payload.a == 1 payload.b",
            "payload",
            "unexpected `payload`",
            "join conditions with `&&` or `||`",
        ),
        (
            "payload.a == 'x",
            "'x",
            "this text is not closed",
            "end it with the quote it began with",
        ),
        (
            'payload.a == """x"""',
            '"""',
            "a quote stands right after a text",
            'write one pair of quotes, and a quote inside the text as `\\"`',
        ),
        (
            r"payload.a == 'a\d'",
            r"\d",
            r"`\d` is not an escape",
            r"write a backslash as `\\`, a character as `\n`, `\t`, `\x41` or `\u0041`",
        ),
        (
            r"payload.a == '\ud800'",
            r"\ud800",
            r"`\ud800` is not an escape",
            r"write a backslash as `\\`, a character as `\n`, `\t`, `\x41` or `\u0041`",
        ),
        (
            "payload.a == b'x'",
            "b",
            "bytes are not offered",
            "fields hold text; write the text without a prefix",
        ),
        (
            "payload.a in'x'",
            "in",
            "`in` stands right before a text",
            "put an operator between them, such as `==`",
        ),
        ("payload.a < 10m", "10m", "`10m` is not a number", NUMBER),
        ("payload.a == 0x1F", "0x1F", "`0x1F` is not a number", NUMBER),
        (
            "payload.a == 1e99",
            "1e99",
            "this number is too long",
            "at most 30 digits may stand before the point, and after it",
        ),
        ("payload.a == “x”", "“", TYPOGRAPHIC, 'write `"`'),
        ("payload.a // x", "//", "comments are not offered", "write a YAML comment, with `#`"),
        ("{}", "{", "maps are not offered", "a list of values is written `[1, 2]`"),
        (
            "payload.é == 1",
            "é",
            "`é` is not a word of the language",
            "names are ASCII; put text in quotes",
        ),
        ("payload.a ≠ 1", "≠", "unexpected `≠`", "see the grammar in docs/conditions.md"),
        (
            "!" * (MAX_DEPTH + 1) + "payload.a",
            "!",
            f"the condition is nested more than {MAX_DEPTH} deep",
            "split the rule in two",
        ),
        (
            " || ".join(["payload.a"] * (MAX_LEAVES + 1)),
            "payload",
            f"the condition has more than {MAX_LEAVES} comparisons",
            "split the rule in two, or gather values in a list: `payload.x in [...]`",
        ),
        (
            "payload.a == '" + "x" * MAX_LENGTH + "'",
            "x" * 14 + "'",
            f"the condition is longer than {MAX_LENGTH} characters",
            "split the rule in two",
        ),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_the_alternative(
    text: str, underlined: str, message: str, cure: str
):
    found = parse(text)
    assert isinstance(found, tuple)
    assert [(one.kind, text[one.start : one.end], one.message, one.help) for one in found] == [
        ("syntax", underlined, message, cure)
    ]
