"""The keys of one mapping of a rule file, and how they are read, written and described.

A `Shape` is the single description of a mapping. `lotabots.model.codec.record` makes codecs of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lotabots.diagnostics.codes import MISSING_KEY, UNKNOWN_KEY
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import (
    Codec,
    Definitions,
    Findings,
    Places,
    Style,
    did_you_mean,
    expected,
    quoted,
)
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping as TableOf
    from collections.abc import Sequence


class Key(NamedTuple):
    """One key of a mapping.

    `attr` is the attribute of the record that holds the value; when it is empty the codec reads a
    dictionary of several attributes, and writes from the whole record (None = leave the key out).
    """

    name: str
    attr: str
    codec: Codec[Any]
    doc: str
    required: bool = False


class Shape:
    """The keys that a mapping may have. `title` says what the mapping is: ``an event trigger``."""

    __slots__ = ("_readers", "_required", "doc", "keys", "title")

    def __init__(self, title: str, doc: str, keys: Sequence[Key]) -> None:
        self.title = title
        self.doc = doc
        self.keys = tuple(keys)
        self._readers = {key.name: (key.attr, key.codec.read) for key in keys}
        self._required = tuple(key for key in keys if key.required)

    @property
    def definition(self) -> str:
        """The name of this shape in a schema: ``EventTrigger`` for ``an event trigger``."""
        _article, *words = self.title.split()
        return "".join(word.capitalize() for word in words)

    def collect(
        self, node: Node, findings: Findings, places: Places
    ) -> tuple[dict[str, Any], bool] | None:
        """The attributes that could be read, and whether every required key gave a value.

        None if `node` is no mapping. Places of the values go to `places`, under the key's name.
        """
        if type(node) is not Mapping:
            expected(node, findings, self.title, f"write `key: value` lines: {self.listed()}")
            return None
        values: dict[str, Any] = {}
        readers = self._readers
        complete = True
        for key, child in node.entries:
            name = key.text
            reader = readers.get(name)
            if reader is None:
                self._unknown(key, findings)
                continue
            places[name] = child.span
            attr, read = reader
            value = read(child, findings, places, name)
            if value is None:
                complete = complete and not self.requires(name)
            elif attr:
                values[attr] = value
            else:
                values.update(value)
        for required in self._required:
            if required.name not in places:
                self._missing(required, node, findings)
                complete = False
        return values, complete

    def requires(self, name: str) -> bool:
        """Whether the key `name` must be there."""
        return any(key.name == name for key in self._required)

    def listed(self) -> str:
        """All keys, for a message."""
        return ", ".join(f"`{key.name}`" for key in self.keys)

    def write(self, value: Any, style: Style, defaults: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any record
        """The mapping for a record; `defaults` holds what `Style.SPARSE` leaves out."""
        plain: dict[str, Any] = {}
        for key in self.keys:
            if not key.attr:
                written = key.codec.write(value, style)
                if written is not None and (written or key.required):
                    plain[key.name] = written
                continue
            held = getattr(value, key.attr)
            left_out = key.attr in defaults and held == defaults[key.attr]
            if style is Style.FULL or key.required or not left_out:
                plain[key.name] = key.codec.write(held, style)
        return plain

    def table(self, values: TableOf[str, Any], style: Style) -> dict[str, Any]:
        """The mapping for values by key; keys that are not in `values` are left out."""
        return {
            key.name: key.codec.write(values[key.name], style)
            for key in self.keys
            if key.name in values
        }

    def schema(self, definitions: Definitions, defaults: dict[str, Any]) -> dict[str, Any]:
        """The draft-07 object of this mapping."""
        properties = {key.name: _described(key, definitions, defaults) for key in self.keys}
        required = [key.name for key in self._required]
        return {
            "type": "object",
            "title": self.title,
            "description": self.doc,
            "additionalProperties": False,
            "properties": properties,
            **({"required": required} if required else {}),
        }

    def _unknown(self, key: Scalar, findings: Findings) -> None:
        close = did_you_mean(key.text, self._readers)
        findings.append(
            UNKNOWN_KEY.at(
                Label(key.span),
                f"unknown key {quoted(key.text)} in {self.title}",
                help=close or "remove it",
                notes=(f"keys allowed here: {self.listed()}",),
            )
        )

    def _missing(self, key: Key, node: Node, findings: Findings) -> None:
        findings.append(
            MISSING_KEY.at(
                Label(node.span),
                f"missing key `{key.name}` in {self.title}",
                help=f"add `{key.name}`: {key.doc}",
            )
        )


def _described(key: Key, definitions: Definitions, defaults: dict[str, Any]) -> dict[str, Any]:
    inner = key.codec.schema(definitions)
    # Draft-07 readers ignore whatever stands beside `$ref`.
    schema: dict[str, Any] = {"allOf": [inner]} if "$ref" in inner else dict(inner)
    schema["description"] = key.doc
    default = defaults.get(key.attr) if key.attr and not key.required else None
    if isinstance(default, bool | int | str) and default != "":
        schema["default"] = key.codec.write(default, Style.SPARSE)
    return schema
