"""Sets of texts and numbers, each against trying all of a small domain."""

import itertools
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.condition.intervals import Numbers
from lotabots.condition.intervals import pick as pick_number
from lotabots.condition.texts import Texts, conforms, plainest
from lotabots.condition.texts import pick as pick_text
from lotabots.model.event import FORMATS, IntegerType, NumberType, TextType
from lotabots.model.payload_schema import FORMAT_PATTERNS

LONGEST = 4
ALL_TEXTS = [
    "".join(chars) for size in range(LONGEST + 1) for chars in itertools.product("abx", repeat=size)
]
PARTS = [text for text in ALL_TEXTS if "x" not in text]
TESTS = st.tuples(st.sampled_from(["startsWith", "endsWith", "contains"]), st.sampled_from(PARTS))
TEXTS = st.builds(
    Texts,
    st.none() | st.frozensets(st.sampled_from(ALL_TEXTS), max_size=5),
    st.frozensets(st.sampled_from(ALL_TEXTS), max_size=3),
    st.frozensets(TESTS, max_size=3),
    st.frozensets(TESTS, max_size=4),
)

HALVES = [Decimal(half) / 2 for half in range(-6, 7)]
NUMBER = st.sampled_from(HALVES)
POINTS = st.frozensets(NUMBER, max_size=5)
NUMBERS = st.builds(
    Numbers,
    st.none() | NUMBER,
    st.booleans(),
    st.none() | NUMBER,
    st.booleans(),
    st.none() | POINTS,
    POINTS,
)


@given(TEXTS, st.integers(0, LONGEST))
def test_a_text_is_found_exactly_if_there_is_one(texts: Texts, longest: int):
    found = pick_text(texts, TextType(max_length=longest))
    fitting = [text for text in ALL_TEXTS if len(text) <= longest and texts.holds(text)]
    assert (found is not None) == bool(fitting)
    if found is not None:
        assert isinstance(found, str)
        assert texts.holds(found)
        assert len(found) <= longest
        if texts.passed and texts.one_of is None:
            assert len(found) == min(map(len, fitting))


@given(TEXTS, TEXTS, st.sampled_from(ALL_TEXTS))
def test_the_meet_of_texts_holds_what_both_hold(a: Texts, b: Texts, text: str):
    assert a.meet(b).holds(text) == (a.holds(text) and b.holds(text))


@given(NUMBERS, st.sampled_from([(-3, 3), (0, 3), (-3, -1), (1, 1), (2, 1)]))
def test_a_whole_number_is_found_exactly_if_there_is_one(numbers: Numbers, bounds: tuple[int, int]):
    found = pick_number(numbers, IntegerType(*bounds))
    fitting = [one for one in range(bounds[0], bounds[1] + 1) if numbers.holds(one)]
    assert (found is not None) == bool(fitting)
    assert found is None or (isinstance(found, int) and found in fitting)


@given(NUMBERS, st.sampled_from([(None, None), (Decimal(0), None), (Decimal(-1), Decimal("0.5"))]))
def test_a_decimal_is_found_exactly_if_there_is_one(
    numbers: Numbers, bounds: tuple[Decimal | None, Decimal | None]
):
    kind = NumberType(*bounds)
    found = pick_number(numbers, kind)
    within = numbers.meet(Numbers(low=kind.minimum, high=kind.maximum))
    tried = [Decimal(quarter) / 4 for quarter in range(-16, 17)]
    assert (found is not None) == any(within.holds(one) for one in tried)
    assert found is None or within.holds(found)


@given(NUMBERS, NUMBERS, NUMBER)
def test_the_meet_of_numbers_holds_what_both_hold(a: Numbers, b: Numbers, number: Decimal):
    assert a.meet(b).holds(number) == (a.holds(number) and b.holds(number))


def test_long_decimals_are_not_rounded():
    low = Decimal("0.1234567890123456789012345678901")
    high = Decimal("0.1234567890123456789012345678902")
    found = pick_number(Numbers(low, True, high, True), NumberType())
    assert found is not None
    assert low < found < high


@pytest.mark.parametrize("name", ["", *FORMATS])
def test_each_format_has_a_plain_example(name: str):
    kind = TextType(format=name)
    example = plainest(kind)
    assert example is not None
    assert conforms(example, kind)
    assert not name or re.search(FORMAT_PATTERNS[name], example)
