"""The values of `set:`: literals, copied fields, counters.

``$$`` at the start writes a literal dollar sign. ``$attempt`` and ``$hops`` are always the
engine's counters, so a payload field of that name at the top level cannot be copied.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lotabots.model.bot import Copied, Counted, Counter, SetValue
from lotabots.model.codec.codec import NULLS, Codec, Definitions, Findings, Places, Style, expected
from lotabots.model.codec.collection import table
from lotabots.model.codec.names import PATH
from lotabots.model.codec.scalar import MAX_PROSE, name, prose, whole
from lotabots.model.event import MAX_SAFE_INTEGER
from lotabots.syntax.nodes import Node, Scalar

LARGEST_STEP: Final = 1_000_000
_COUNTED: Final = re.compile(r"\$(attempt|hops)(?: *([+-]) *([0-9]{1,7}))?", re.ASCII)
# Fractions, and words that other YAML readers take for truth values.
_UNCLEAR: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF",
    re.ASCII,
)
_TEXT: Final = prose("a text, a whole number, `true` or `false`")
_CURE: Final = (
    "copy a field (`$change.id`), count (`$attempt + 1`), or write `$$` for a dollar sign"
)


def set_values() -> Codec[dict[str, SetValue]]:
    """The mapping behind `set:`: payload path to value.

    In a gate a copied path starts with the name of a part; `lotabots.model.codec.gate` splits it.
    """
    path = name("a payload field", PATH, "write the way to it with dots, like `change.id`")
    return table(path, Codec(_read, _write, _schema), most=64, what="the fields to set")


def unclear(node: Scalar) -> bool:
    """Whether the scalar, though text may be meant, reads as a number, a truth value or null."""
    if not node.plain:
        return False
    number = whole(node) is not None
    return number or node.text in NULLS or _UNCLEAR.fullmatch(node.text) is not None


def _read(node: Node, findings: Findings, places: Places, route: str) -> SetValue | None:
    if type(node) is Scalar and node.text.startswith("$"):
        return _reference(node, findings)
    if type(node) is Scalar and node.plain:
        return _plain(node, findings, places, route)
    if type(node) is Scalar and not node.text:
        return ""
    return _TEXT.read(node, findings, places, route)


def _plain(node: Scalar, findings: Findings, places: Places, route: str) -> SetValue | None:
    if node.text in ("true", "false"):
        return node.text == "true"
    number = whole(node)
    if number is not None and abs(number) <= MAX_SAFE_INTEGER:
        return number
    if unclear(node):
        cure = "quote it if it is meant as text; fractions cannot be set"
        expected(node, findings, "a text, a whole number, `true` or `false`", cure)
        return None
    return _TEXT.read(node, findings, places, route)


def _reference(node: Scalar, findings: Findings) -> SetValue | None:
    text = node.text
    if text.startswith("$$") and len(text) <= MAX_PROSE:
        return text[1:]
    counted = _COUNTED.fullmatch(text)
    if counted:
        step = int(counted[3] or 0)
        if step <= LARGEST_STEP:
            return Counted(Counter(counted[1]), -step if counted[2] == "-" else step)
    elif PATH.fullmatch(text[1:]):
        return Copied(text[1:])
    expected(node, findings, "a field or a counter after `$`", _CURE)
    return None


def _write(value: SetValue, _style: Style) -> str | int | bool:
    if isinstance(value, Copied):
        return f"${value.part}.{value.path}" if value.part else f"${value.path}"
    if isinstance(value, Counted):
        sign = "-" if value.plus < 0 else "+"
        return f"${value.counter} {sign} {abs(value.plus)}" if value.plus else f"${value.counter}"
    return f"${value}" if isinstance(value, str) and value.startswith("$") else value


def _schema(_definitions: Definitions) -> dict[str, Any]:
    text = {"type": "string", "maxLength": MAX_PROSE}
    whole_number = {"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER}
    return {"anyOf": [text, whole_number, {"type": "boolean"}]}
