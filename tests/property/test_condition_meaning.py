"""What conditions mean: the compiled form and the boxes against a naive reading of the tree.

The domain is small enough to try every event that matters: texts over `a`, `b` and one character
that no condition names, numbers at and between the literals, every presence of optional members.
"""

# ruff: noqa: ANN401, C901, PLR0911 - events are plain JSON here, and the naive reading is one match

import itertools
import operator
import string
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lotabots.condition.boxes import Unknown, difference, implies, overlap, satisfiable
from lotabots.condition.check import check, root_type
from lotabots.condition.expr import (
    And,
    Compare,
    Constant,
    Expr,
    FieldPath,
    Flag,
    Has,
    Member,
    Not,
    OneOf,
    Or,
    Text,
    Value,
)
from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, fields, render
from lotabots.condition.translate import HOLDS, compile_condition
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

# The domain

TEXTS = ["".join(chars) for size in range(4) for chars in itertools.product("abx", repeat=size)]
PARTS = [text for text in TEXTS if len(text) < 4 and "x" not in text]
GRID = [Decimal(quarter) / 4 for quarter in range(5)]
WHOLE = [0, 1, 2, 3]
ENUM = ("a", "ab", "b")
MEMBERS = ["a", "b", "ab"]
LISTS = [list(one) for size in range(3) for one in itertools.combinations(MEMBERS, size)]

INNER = ObjectType(
    (
        Field("line", NumberType(Decimal(0), Decimal(1))),
        Field("branch", IntegerType(0, 3), optional=True),
    )
)
PAYLOAD = ObjectType(
    (
        Field("flag", BooleanType()),
        Field("n", IntegerType(0, 3)),
        Field("d", NumberType(Decimal(0), Decimal(1)), optional=True),
        Field("e", EnumType(ENUM)),
        Field("t", TextType(max_length=3)),
        Field("o", TextType(max_length=3), optional=True),
        Field("l", ListType(TextType(max_length=3), max_items=2)),
        Field("c", INNER, optional=True),
    )
)
ROOT = root_type(PAYLOAD)
EVENT = {"priority": "high", "attempt": 1, "hops": 0}

BOOLEANS, WHOLES = ["payload.flag"], ["payload.n", "payload.c.branch"]
NUMBERS = ["payload.d", "payload.c.line"]
TEXTUAL, LISTED = ["payload.t", "payload.o"], ["payload.l"]
OPTIONAL = ["payload.d", "payload.o", "payload.c", "payload.c.branch", "payload.c.line"]


def payloads(read: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Every payload that can matter to a condition on the paths `read`."""

    def choices(path: str, values: list[Any]) -> list[Any]:
        return values if path in read else values[:1]

    inner = [
        {"line": line, **branch}
        for line in choices("payload.c.line", GRID)
        for branch in choices("payload.c.branch", [{}, *({"branch": one} for one in WHOLE)])
    ]
    nested = any(path.startswith("payload.c") for path in read)
    for flag, n, d, e, t, o, listed, c in itertools.product(
        choices("payload.flag", [False, True]),
        choices("payload.n", WHOLE),
        choices("payload.d", [{}, *({"d": one} for one in GRID)]),
        choices("payload.e", list(ENUM)),
        choices("payload.t", TEXTS),
        choices("payload.o", [{}, *({"o": one} for one in TEXTS)]),
        choices("payload.l", LISTS),
        [{}, *({"c": one} for one in inner)] if nested else [{}],
    ):
        yield {"flag": flag, "n": n, **d, "e": e, "t": t, **o, "l": listed, **c}


# Conditions


def path(name: str) -> FieldPath:
    return FieldPath(tuple(name.split(".")))


def comparisons(name: str, values: list[Any], *, equal_only: bool = False) -> st.SearchStrategy:
    operators = ["==", "!="] if equal_only else ["==", "!=", "<", "<=", ">", ">="]
    value = st.sampled_from(values).map(Value)
    listed = st.lists(value, min_size=1, max_size=3).map(tuple)
    return st.builds(Compare, st.just(path(name)), st.sampled_from(operators), value) | st.builds(
        OneOf, st.just(path(name)), listed
    )


def leaves(name: str) -> st.SearchStrategy[Expr]:
    here = st.just(path(name))
    part = st.sampled_from(PARTS).map(Value)
    test = st.builds(Text, here, st.sampled_from(["startsWith", "endsWith", "contains"]), part)
    if name in BOOLEANS:
        return st.builds(Flag, here) | comparisons(name, [True, False], equal_only=True)
    if name in WHOLES:
        return comparisons(name, [-1, *WHOLE, 4]) | st.builds(
            Compare, here, st.sampled_from(["<", "<=", ">", ">="]), st.just(Value(Decimal("1.5")))
        )
    if name in NUMBERS:
        return comparisons(name, [0, Decimal("0.5"), 1])
    if name in LISTED:
        return st.builds(Member, st.sampled_from(MEMBERS).map(Value), here)
    if name in TEXTUAL:
        return comparisons(name, PARTS, equal_only=True) | test
    return comparisons(name, list(ENUM), equal_only=True) | test


def guarded(name: str) -> st.SearchStrategy[Expr]:
    here = Has(path(name))
    if name not in OPTIONAL:
        return leaves(name)
    return leaves(name).flatmap(
        lambda leaf: st.sampled_from([And((here, leaf)), Or((Not(here), leaf))])
    )


def joined(kind: type[And] | type[Or]) -> Callable[[list[Expr]], Expr]:
    """Joins operands as the parser does: flat."""

    def build(operands: list[Expr]) -> Expr:
        flat = [
            part for one in operands for part in (one.operands if isinstance(one, kind) else (one,))
        ]
        return kind(tuple(flat))

    return build


def conditions(leaf: st.SearchStrategy[Expr], *, size: int = 5) -> st.SearchStrategy[Expr]:
    def extend(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        several = st.lists(inner, min_size=2, max_size=3)
        return several.map(joined(And)) | several.map(joined(Or)) | inner.map(Not)

    return st.recursive(leaf | st.booleans().map(Constant), extend, max_leaves=size)


SCALARS = [*BOOLEANS, *WHOLES, *NUMBERS, *TEXTUAL, *LISTED, "payload.e"]
FEW = st.lists(st.sampled_from(SCALARS), min_size=1, max_size=2, unique=True)


def on_few(names: list[str]) -> st.SearchStrategy[Expr]:
    options = [guarded(name) for name in names]
    options += [st.just(Has(path(name))) for name in names if name in OPTIONAL]
    return conditions(st.one_of(options))


CHECKED = FEW.flatmap(on_few)
PAIRS = FEW.flatmap(lambda names: st.tuples(on_few(names), on_few(names)))
UNGUARDED = conditions(
    st.one_of(
        *(leaves(name) for name in OPTIONAL if name != "payload.c"),
        *(st.just(Has(path(name))) for name in OPTIONAL),
    ),
    size=6,
)

# The naive reading


def meaning(expr: Expr, event: dict[str, Any]) -> bool:
    match expr:
        case And(operands):
            return all(meaning(part, event) for part in operands)
        case Or(operands):
            return any(meaning(part, event) for part in operands)
        case Not(operand):
            return not meaning(operand, event)
        case Constant(value):
            return value
        case Has(field):
            return value_at(event, field, missing=None) is not None
        case Flag(field):
            return value_at(event, field) is True
        case Member(value, field):
            return value.value in value_at(event, field)
        case OneOf(field, values):
            return value_at(event, field) in [one.value for one in values]
        case Text(field, test, value):
            text = value_at(event, field)
            return {
                "startsWith": text[: len(value.value)] == value.value,
                "endsWith": text[::-1][: len(value.value)] == value.value[::-1],
                "contains": text.find(value.value) >= 0,
            }[test]
        case Compare(field, sign, value):
            return OPERATORS[sign](value_at(event, field), value.value)


OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
RAISE = object()


def value_at(event: dict[str, Any], field: FieldPath, *, missing: Any = RAISE) -> Any:
    found: Any = event
    for name in field.names:
        if name not in found:
            assert missing is not RAISE, f"{field} was read although it is absent"
            return missing
        found = found[name]
    return found


class _Absent:
    """Fails on any use but `is`, as reading an absent member must be seen."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("an absent member was compared")

    def __bool__(self) -> bool:
        raise AssertionError("an absent member was asked for its truth")

    __hash__ = None  # type: ignore[assignment]  # hashing must fail as well


ABSENT = _Absent()


def as_object(value: Any, kind: Any) -> Any:
    if not isinstance(kind, ObjectType):
        return value
    return SimpleNamespace(
        **{
            f"f_{one.name}": as_object(value[one.name], one.type) if one.name in value else ABSENT
            for one in kind.fields
        }
    )


def compiled(expr: Expr, payload: dict[str, Any]) -> int:
    function = compile_condition(expr, absent=ABSENT)
    return function(as_object(payload, PAYLOAD), as_object(EVENT, ROOT.field("event").type))


def true_somewhere(expr: Expr) -> bool:
    return any(
        meaning(expr, {"payload": payload, "event": EVENT})
        for payload in payloads(frozenset(fields(expr)))
    )


def valid(value: Any, kind: Any) -> bool:
    match kind:
        case ObjectType():
            names = {one.name for one in kind.fields}
            return set(value) <= names and all(
                valid(value[one.name], one.type) if one.name in value else one.optional
                for one in kind.fields
            )
        case TextType():
            return isinstance(value, str) and len(value) <= kind.max_length
        case EnumType():
            return value in kind.values
        case BooleanType():
            return isinstance(value, bool)
        case IntegerType() | NumberType():
            wanted = int if isinstance(kind, IntegerType) else int | Decimal
            low = kind.minimum is None or value >= kind.minimum
            return (
                isinstance(value, wanted)
                and low
                and (kind.maximum is None or value <= kind.maximum)
            )
        case ListType():
            return len(value) <= kind.max_items and all(valid(one, kind.item) for one in value)


# Properties


@given(CHECKED)
def test_canonical_text_is_read_back_to_the_same_condition(expr: Expr):
    assert parse(render(expr)) == expr


@given(
    st.text()
    | st.text(alphabet=string.printable)
    | CHECKED.map(render).flatmap(
        lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.text(max_size=2)).map(
            lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 1 :]
        )
    )
)
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str):
    found = parse(text)
    if isinstance(found, tuple):
        assert found
        assert all(0 <= one.start <= one.end <= len(text) and one.help for one in found)
    else:
        assert parse(render(found)) == found


@given(CHECKED)
def test_guarded_conditions_of_the_right_types_pass_the_check(expr: Expr):
    assert check(expr, ROOT) == ()


# Most conditions that nobody guarded are refused; those few that pass are what is asked about.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(UNGUARDED)
def test_a_condition_that_passes_the_check_never_reads_an_absent_field(expr: Expr):
    assume(not check(expr, ROOT))
    for payload in payloads(frozenset({*fields(expr), "payload.c"})):
        meaning(expr, {"payload": payload, "event": EVENT})
        compiled(expr, payload)


@given(CHECKED, st.data())
def test_the_compiled_condition_names_the_first_false_clause(expr: Expr, data: st.DataObject):
    read = frozenset(fields(expr))
    for payload in itertools.islice(payloads(read), data.draw(st.integers(0, 50)), None, 37):
        event = {"payload": payload, "event": EVENT}
        false = (i for i, one in enumerate(clauses(expr)) if not meaning(one, event))
        assert compiled(expr, payload) == next(false, HOLDS)


@given(CHECKED)
def test_satisfiable_agrees_with_trying_every_event(expr: Expr):
    found = satisfiable([expr], ROOT)
    assert not isinstance(found, Unknown)
    assert (found is not None) == true_somewhere(expr)
    if found is not None:
        assert valid(found, ROOT)
        assert meaning(expr, found)


@given(PAIRS)
def test_overlap_and_difference_agree_with_trying_every_event(pair: tuple[Expr, Expr]):
    a, b = pair
    for found, both in (
        (overlap(a, b, ROOT), And((a, b))),
        (difference(a, b, ROOT), And((a, Not(b)))),
    ):
        assert not isinstance(found, Unknown)
        assert (found is not None) == true_somewhere(both)
        assert found is None or (valid(found, ROOT) and meaning(both, found))
    assert implies(a, b, ROOT) == (not true_somewhere(And((a, Not(b)))))
