"""The rule reference: every key of every rule file, derived from the model's own schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]

FILES: Final = {
    "bot.schema.json": "rules/bots/<bot>.yaml",
    "fleet.schema.json": "rules/fleet.yaml",
    "capabilities.schema.json": "rules/capabilities.yaml",
    "events.schema.json": "rules/events.yaml",
    "gates.schema.json": "rules/gates.yaml",
    "invariants.schema.json": "rules/invariants.yaml",
    "dependencies.schema.json": "graphs/dependencies.yaml",
    "tests.schema.json": "rules/tests/<name>.yaml",
}
"""Schema to the file it describes, in the order of the reference."""

_LONG: Final = 12
"""Enumerations with more words than this are not written out."""


def rule_reference(schemas: Mapping[str, Schema]) -> str:
    """The reference as one Markdown page."""
    lines = [
        "# Rule reference",
        "",
        "Every key of every rule file, generated from the model by `lotabots generate --docs`.",
        "A key that is not listed here is refused; so are duplicate keys, anchors, aliases and",
        "tags. Plain words are read as YAML 1.2 reads them: only `true` and `false` are booleans.",
        "",
        "Durations are seconds, or `500ms`, `30s`, `15m`, `24h`, `7d`; sizes are bytes, or",
        "`64KiB`, `1MiB`, `1GiB`. Conditions (`when:`) have [a page of their own](conditions.md).",
    ]
    for name, path in FILES.items():
        if name in schemas:
            lines += ["", f"## `{path}`", *_file(schemas[name])]
    return "\n".join(lines) + "\n"


def _file(schema: Schema) -> Iterator[str]:
    said = str(schema.get("description", ""))
    yield ""
    yield _sentence(said.partition(": ")[2] or said)
    yield from _table(schema)
    for name, inner in _inline(schema):
        yield from _section(f"`{name}:`", inner)
    for name, definition in sorted(schema.get("definitions", {}).items()):
        yield from _section(name, definition)
        if not definition.get("properties"):
            yield from _forms(definition)


def _inline(schema: Schema) -> list[tuple[str, Schema]]:
    """Mappings that are described in place, such as ``bot:``."""
    return [
        (name, inner)
        for name, inner in schema.get("properties", {}).items()
        if inner.get("properties")
    ]


def _section(title: str, schema: Schema) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    if schema.get("description"):
        yield ""
        yield _sentence(str(schema["description"]))
    yield from _table(schema)


def _forms(schema: Schema) -> Iterator[str]:
    """What may stand where no one table has all keys: each form, with its keys if it has any."""
    yield ""
    yield _sentence(_type(schema))
    for form in schema.get("anyOf", ()):
        if form.get("properties"):
            yield ""
            yield f"{_sentence(str(form['title'])).removesuffix('.')}:"
            yield from _table(form)


def _table(schema: Schema) -> Iterator[str]:
    properties = schema.get("properties", {})
    if not properties:
        return
    required = set(schema.get("required", ()))
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for name, value in properties.items():
        need = "**required**" if name in required else _default(value)
        yield f"| `{name}` | {_cell(_type(value))} | {need} | {_cell(_doc(value))} |"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _doc(value: Schema) -> str:
    return str(value.get("description", ""))


def _default(value: Schema) -> str:
    if value.get("default") is None:
        return ""
    default = value["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _type(value: Schema) -> str:  # noqa: PLR0911 - one for each form of schema
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in value:
            return " or ".join(dict.fromkeys(_type(option) for option in value[key]))
    if "enum" in value:
        words = [f"`{word}`" for word in value["enum"]]
        return ", ".join(words) if len(words) <= _LONG else f"one of {len(words)} words"
    kind = value.get("type")
    if kind == "array":
        return f"list of {_type(value.get('items', {}))}"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"mapping of name to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    if isinstance(kind, list):
        return " or ".join(_WORDS.get(str(one), str(one)) for one in kind)
    return _WORDS.get(str(kind), str(kind)) + _bounds(value)


def _bounds(value: Schema) -> str:
    low, high = value.get("minimum"), value.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_WORDS: Final = {"string": "text", "boolean": "`true` or `false`", "None": "anything"}
