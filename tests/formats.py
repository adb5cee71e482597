"""The JSON Schemas of docs/schemas, and readers that accept no member which they do not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a command."""
    found: dict[str, Any] = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text())
    return found


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """Every schema of an object with members inside `schema`, itself among them."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for value in schema.values():
            yield from objects(value)
    if isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def closed(name: str) -> Draft7Validator:
    """A reader of the schema who finds members that it does not know."""
    schema = schema_of(name)
    for one in objects(schema):
        one["additionalProperties"] = False
    return Draft7Validator(schema)
