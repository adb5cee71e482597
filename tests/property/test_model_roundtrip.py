"""A fleet survives being written and read, whatever the order of files and keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from lotabots.frozen import replace
from lotabots.model.encode import canonical, canonical_json, digest, encode, leaves
from lotabots.model.load import load
from lotabots.model.schema import payload_schema, schemas

if TYPE_CHECKING:
    from random import Random

    from lotabots.model.fleet import Fleet

FILE_SCHEMAS = {
    name.removesuffix(".schema.json"): jsonschema.Draft7Validator(schema)
    for name, schema in schemas(None).items()
}

fewer = settings(max_examples=settings.default.max_examples // 4)
"""For whole fleets, which take long to draw."""


def shuffled(value: Any, order: Random) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@fewer
@given(strategies.fleets(), st.randoms(use_true_random=False))
def test_a_fleet_survives_writing_and_reading_in_any_order(fleet: Fleet, order: Random):
    loaded = load(strategies.dump(shuffled(encode(fleet), order)))
    assert loaded.diagnostics == ()
    assert loaded.fleet == fleet
    assert canonical(loaded.fleet) == canonical(fleet)
    assert digest(loaded.fleet) == digest(fleet)


@fewer
@given(strategies.fleets())
def test_canonical_bytes_are_canonical(fleet: Fleet):
    text = canonical(fleet)
    assert canonical_json(json.loads(text, parse_float=pytest.fail)) == text


@fewer
@given(strategies.fleets())
def test_the_schemas_accept_what_the_decoder_accepts(fleet: Fleet):
    for path, data in encode(fleet).items():
        kind = "bot" if path.startswith("rules/bots/") else path.split("/")[1].split(".")[0]
        FILE_SCHEMAS[kind].validate(data)


@fewer
@given(strategies.fleets(), st.data())
def test_a_changed_bot_changes_its_own_leaf_alone(fleet: Fleet, data: st.DataObject):
    bot = data.draw(st.sampled_from(fleet.bots))
    other = data.draw(strategies.bots(bot.name))
    bots = tuple(other if each is bot else each for each in fleet.bots)
    before, after = leaves(fleet), leaves(replace(fleet, bots=bots))
    differing = {name for name in before if before[name] != after[name]}
    assert differing == ({f"bots/{bot.name}"} if other != bot else set())


@given(st.data())
def test_a_payload_schema_accepts_every_payload_of_its_type(data: st.DataObject):
    payload_type = data.draw(strategies.object_types())
    payload = data.draw(strategies.payloads(payload_type))
    jsonschema.Draft7Validator.check_schema(payload_schema(payload_type))
    jsonschema.validate(json.loads(strategies.json_text(payload)), payload_schema(payload_type))
