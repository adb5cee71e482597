"""The engine's decoder and the generated schemas are two readings of the same type."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import payload_strategies
from lotabots.model.payload_schema import payload_schema
from lotabots.policy.payload import PayloadError, Readers, encode

if TYPE_CHECKING:
    from lotabots.model.event import ObjectType

OTHERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-100, 100),
    st.decimals(-100, 100, places=2, allow_nan=False),
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=5),
    st.just([]),
    st.just({}),
    st.just([1, "a"]),
)


@given(data=st.data(), kind=payload_strategies.object_types())
def test_the_decoder_and_the_schema_agree(data: st.DataObject, kind: ObjectType) -> None:
    payload = data.draw(payload_strategies.payloads(kind))
    if data.draw(st.booleans()):
        payload = spoilt(data, payload)
    text = payload_strategies.json_text(payload)
    valid = Draft7Validator(payload_schema(kind)).is_valid(json.loads(text))
    assert accepts(kind, text) is valid


@given(data=st.data(), kind=payload_strategies.object_types())
def test_what_is_handed_on_is_what_was_declared(data: st.DataObject, kind: ObjectType) -> None:
    payload = data.draw(payload_strategies.payloads(kind))
    read = Readers().reader(kind).read(payload_strategies.json_text(payload))
    assert json.loads(encode(read), parse_float=Decimal) == payload


def spoilt(data: st.DataObject, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with one member, at any depth, gone, added or replaced."""
    inner = [name for name, value in payload.items() if isinstance(value, dict)]
    if inner and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(inner))
        return {**payload, name: spoilt(data, payload[name])}
    name = data.draw(st.sampled_from((*payload, *payload_strategies.MEMBERS)))
    if data.draw(st.booleans()):
        return {other: value for other, value in payload.items() if other != name}
    # 2.0 is a whole number for JSON Schema; our decoder wants it written as one.
    value = data.draw(OTHERS.filter(lambda v: not isinstance(v, Decimal) or v != int(v)))
    return {**payload, name: value}


def accepts(kind: ObjectType, text: bytes) -> bool:
    try:
        Readers().reader(kind).read(text)
    except PayloadError:
        return False
    return True
