"""Hypothesis strategies for payload types and the payloads that they accept."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from lotabots.model.event import (
    FORMATS,
    BooleanType,
    EnumType,
    Field,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    PayloadType,
    TextType,
)

if TYPE_CHECKING:
    from decimal import Decimal

MEMBERS = ("branch", "change", "count", "id", "outcome", "ref")
FORMAT_EXAMPLES = {
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "digest": "sha256:" + "0f" * 32,
    "email": "a.b@example.org",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "uri": "https://example.org/x?y=z",
    "version": "1.10.0-rc.1",
}

_PRINTABLE = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
)


@cache
def texts(longest: int = 30) -> st.SearchStrategy[str]:
    """Text that a rule file may hold: not empty, no control characters."""
    return st.text(_PRINTABLE, min_size=1, max_size=longest)


@cache
def maybe_texts() -> st.SearchStrategy[str]:
    """Text or none."""
    return st.just("") | texts()


@cache
def some(
    pool: tuple[str, ...], most: int = 3, *, least: int = 0
) -> st.SearchStrategy[tuple[str, ...]]:
    """A few different words of `pool`."""
    words = st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique=True)
    return words.map(tuple)


@cache
def payload_types(depth: int = 2) -> st.SearchStrategy[PayloadType]:
    """Types of payload members, at most `depth` levels below."""
    bounds = st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(sorted)
    exact = st.none() | st.decimals(-9, 9, places=2, allow_nan=False)
    leaves: st.SearchStrategy[PayloadType] = st.one_of(
        st.builds(TextType, st.integers(1, 65_536), st.just("")),
        st.builds(TextType, st.just(4096), st.sampled_from(("", *FORMATS))),
        st.lists(texts(), min_size=1, max_size=3, unique=True).map(lambda v: EnumType(tuple(v))),
        st.just(IntegerType()),
        bounds.map(lambda pair: IntegerType(*pair)),
        st.tuples(exact, exact).map(lambda pair: NumberType(*_ordered(*pair))),
        st.just(BooleanType()),
    )
    if not depth:
        return leaves
    below = payload_types(depth - 1)
    return leaves | st.builds(ListType, below, st.integers(0, 5)) | object_types(depth - 1)


@cache
def object_types(depth: int = 2) -> st.SearchStrategy[ObjectType]:
    """Payload types; members are sorted by name."""

    @st.composite
    def draw_object(draw: st.DrawFn) -> ObjectType:
        fields = tuple(
            Field(name, draw(payload_types(depth)), draw(st.booleans()), draw(maybe_texts()))
            for name in sorted(draw(some(MEMBERS)))
        )
        return ObjectType(fields, draw(st.booleans()))

    return draw_object()


def payloads(payload: ObjectType) -> st.SearchStrategy[dict[str, Any]]:
    """JSON values that the type accepts; fractions are `Decimal`. See `json_text`."""
    required = {field.name: _values(field.type) for field in payload.fields if not field.optional}
    optional = {field.name: _values(field.type) for field in payload.fields if field.optional}
    return st.fixed_dictionaries(required, optional=optional)


def json_text(value: object) -> bytes:
    """JSON of a payload, with every decimal digit as it is."""
    marked = json.dumps(value, default=lambda number: f"\0{number:f}\0", ensure_ascii=False)
    return marked.replace('"\\u0000', "").replace('\\u0000"', "").encode()


def _values(payload: PayloadType) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one per type
    match payload:
        case ObjectType():
            return payloads(payload)
        case ListType(item, most):
            return st.lists(_values(item), max_size=min(most, 3))
        case TextType(most, text_format):
            return st.just(FORMAT_EXAMPLES[text_format]) if text_format else texts(min(most, 20))
        case EnumType(values):
            return st.sampled_from(values)
        case IntegerType(low, high):
            return st.integers(low, high)
        case NumberType(least, most_number):
            return st.decimals(
                -99 if least is None else least,
                99 if most_number is None else most_number,
                places=2,
                allow_nan=False,
            )
        case BooleanType():
            return st.booleans()


def _ordered(
    first: Decimal | None, second: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    swap = first is not None and second is not None and first > second
    return (second, first) if swap else (first, second)
