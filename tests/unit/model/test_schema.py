"""The generated JSON Schemas."""

from __future__ import annotations

import re
from decimal import Decimal

import jsonschema
import pytest

import payload_strategies
from lotabots.model.event import (
    FORMATS,
    EnumType,
    Field,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)
from lotabots.model.fleet import Fleet
from lotabots.model.payload_schema import FORMAT_PATTERNS
from lotabots.model.schema import payload_schema, schemas

EVENT = {
    "id": "1",
    "timestamp": "2026-01-02T03:04:05Z",
    "source": "BuildBot",
    "destination": "*",
    "type": "build.completed",
    "payload": {},
    "priority": "high",
}


def test_there_is_a_schema_per_kind_of_file_and_one_per_payload():
    assert list(schemas(Fleet())) == [
        "bot.schema.json",
        "fleet.schema.json",
        "capabilities.schema.json",
        "events.schema.json",
        "gates.schema.json",
        "invariants.schema.json",
        "dependencies.schema.json",
        "tests.schema.json",
        "envelope.schema.json",
    ]


@pytest.mark.parametrize("schema", schemas(None).values(), ids=schemas(None))
def test_every_schema_is_draft_07_that_every_editor_reads(schema: dict[str, object]):
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)
    assert not re.search(r"\$defs|unevaluated|prefixItems|\$dynamicRef", str(schema))


def test_a_key_of_a_bot_file_is_described_with_its_default():
    constraints = schemas(None)["bot.schema.json"]["definitions"]["Constraint"]
    assert constraints["additionalProperties"] is False
    assert constraints["properties"]["max_concurrent_jobs"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "description": "jobs at a time",
        "default": 1,
    }
    assert constraints["properties"]["retry_policy"] == {
        "allOf": [{"$ref": "#/definitions/RetryPolicy"}],
        "description": "what happens after a failure",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "urgent"},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-01-02T03:04:05"},
        {"payload": []},
        {"type": "Build"},
        {"id": ""},
        {"extra": 1},
    ],
)
def test_the_envelope_refuses(change: dict[str, object]):
    validator = jsonschema.Draft7Validator(schemas(None)["envelope.schema.json"])
    validator.validate(EVENT)
    validator.validate({**EVENT, "correlation_id": "c"})
    assert not validator.is_valid({**EVENT, **change})


@pytest.mark.parametrize("key", EVENT)
def test_the_envelope_needs_every_key_but_the_correlation(key: str):
    validator = jsonschema.Draft7Validator(schemas(None)["envelope.schema.json"])
    assert not validator.is_valid({k: v for k, v in EVENT.items() if k != key})


def test_a_payload_type_becomes_a_closed_object():
    kind = ObjectType(
        (
            Field("n", IntegerType(0, 9), optional=True, doc="how many"),
            Field("ratio", NumberType(Decimal("0.5"), None)),
            Field("tags", ListType(TextType(20), 3)),
            Field("word", EnumType(("a", "b"))),
        )
    )
    assert payload_schema(kind) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "n": {"description": "how many", "type": "integer", "minimum": 0, "maximum": 9},
            "ratio": {"type": "number", "minimum": 0.5},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
            "word": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["ratio", "tags", "word"],
    }


def test_every_format_has_a_pattern_and_an_example():
    assert tuple(sorted(FORMAT_PATTERNS)) == FORMATS
    for name, example in payload_strategies.FORMAT_EXAMPLES.items():
        assert re.search(FORMAT_PATTERNS[name], example, re.ASCII)
        assert not re.search(FORMAT_PATTERNS[name], " " + example, re.ASCII)
