from __future__ import annotations

from decimal import Decimal

import pytest

from lotabots.model.event import (
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
from lotabots.policy.payload import PayloadError, Readers, encode


def read(kind: PayloadType, text: str) -> object:
    reader = Readers().reader(ObjectType((Field("x", kind),)))
    return getattr(reader.read(f'{{"x": {text}}}'.encode()), "f_x")  # noqa: B009 - made at run time


RATIO = NumberType(Decimal(0), Decimal("0.3"))
ACCEPTED = [
    (RATIO, "0.3", Decimal("0.3")),
    (RATIO, "0", 0),
    (RATIO, "3E-1", Decimal("0.3")),
    (
        NumberType(),
        "0.1000000000000000055511151231257827",
        Decimal("0.1000000000000000055511151231257827"),
    ),
    (NumberType(), "123456789012345678901234567890", 123456789012345678901234567890),
    (ListType(RATIO), "[0.1, 0]", [Decimal("0.1"), 0]),
    (IntegerType(), "9007199254740991", 9007199254740991),
    (BooleanType(), "true", True),
    (EnumType(("a", "b")), '"b"', "b"),
    (TextType(max_length=2), '"\\ud83d\\ude00é"', "\U0001f600é"),
    (TextType(format="commit"), f'"{"a" * 40}"', "a" * 40),
]


@pytest.mark.parametrize(("kind", "text", "value"), ACCEPTED)
def test_values_of_the_type_are_read_exactly(kind: PayloadType, text: str, value: object) -> None:
    found = read(kind, text)
    assert found == value
    assert type(found) is type(value)


REFUSED = [
    (RATIO, "0.30000000000000000001", "`payload.x`: expected `number` <= 0.3"),
    (RATIO, "-1", "`payload.x`: expected `number` >= 0"),
    (RATIO, '"0.1"', "`payload.x`: expected `number`, got `str`"),
    (RATIO, "true", "`payload.x`: expected `number`, got `bool`"),
    (RATIO, "null", "`payload.x`: expected `number`, got `null`"),
    (RATIO, "1e99999999999999999999", "a number is out of range"),
    (ListType(RATIO), '[0.1, "0.1"]', "`payload.x[1]`: expected `number`, got `str`"),
    (
        ListType(BooleanType(), max_items=1),
        "[true, true]",
        "`payload.x`: expected `array` of length <= 1",
    ),
    (IntegerType(), "1.0", "`payload.x`: expected `int`, got `float`"),
    (IntegerType(), "true", "`payload.x`: expected `int`, got `bool`"),
    (IntegerType(), '"1"', "`payload.x`: expected `int`, got `str`"),
    (IntegerType(), "9007199254740992", "`payload.x`: expected `int` <= 9007199254740991"),
    (IntegerType(1, 3), "4", "`payload.x`: expected `int` <= 3"),
    (BooleanType(), "1", "`payload.x`: expected `bool`, got `int`"),
    (EnumType(("a",)), '"c"', "`payload.x`: invalid enum value 'c'"),
    (EnumType(()), '"c"', "`payload.x`: expected `str` of length <= 0"),
    (TextType(max_length=2), '"abc"', "`payload.x`: expected `str` of length <= 2"),
    (TextType(format="commit"), '"main"', "`payload.x`: expected `commit`"),
    (TextType(format="commit"), f'"{"a" * 40}\\n"', "`payload.x`: expected `commit`"),
    (TextType(), "7", "`payload.x`: expected `str`, got `int`"),
    (
        ObjectType((Field("y", NumberType()),)),
        '{"y": []}',
        "`payload.x.y`: expected `number`, got `array`",
    ),
]


@pytest.mark.parametrize(("kind", "text", "reason"), REFUSED)
def test_anything_else_is_refused_with_path_and_reason(
    kind: PayloadType, text: str, reason: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        read(kind, text)
    assert str(caught.value) == reason


def test_a_closed_object_refuses_what_is_not_declared() -> None:
    reader = Readers().reader(ObjectType((Field("x", TextType(), optional=True),)))
    with pytest.raises(PayloadError, match="object contains unknown field `y`"):
        reader.read(b'{"y": 1}')


def test_an_open_object_does_not_hand_on_what_is_not_declared() -> None:
    reader = Readers().reader(ObjectType((Field("x", TextType(), optional=True),), open=True))
    assert encode(reader.read(b'{"y": 1}')) == b"{}"
    assert encode(reader.read(b'{"y": 1, "x": "a"}')) == b'{"x":"a"}'


def test_what_is_handed_on_has_each_member_once_and_exact_numbers() -> None:
    reader = Readers().reader(ObjectType((Field("x", NumberType()),)))
    assert encode(reader.read(b'{"x": 1, "x": 0.10}')) == b'{"x":0.10}'


def test_members_may_be_called_like_methods_and_keywords() -> None:
    names = ("class", "__init__", "self", "f_x", "x")
    reader = Readers().reader(ObjectType(tuple(Field(name, IntegerType()) for name in names)))
    text = b'{"class":1,"__init__":2,"self":3,"f_x":4,"x":5}'
    assert encode(reader.read(text)) == text


def test_equal_types_share_a_reader() -> None:
    readers = Readers()
    first = readers.reader(ObjectType((Field("x", TextType()),)))
    assert readers.reader(ObjectType((Field("x", TextType()),))) is first
