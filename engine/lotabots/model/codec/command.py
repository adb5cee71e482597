"""The command of an action: an entry point, or a program with arguments; never a shell line."""

from __future__ import annotations

import re
from typing import Any, Final

from lotabots.diagnostics.codes import MISSING_KEY
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, Style, expected
from lotabots.model.codec.collection import listing
from lotabots.model.codec.names import WORD
from lotabots.model.codec.scalar import prose
from lotabots.syntax.nodes import Node, Scalar, Sequence

_ARGUMENTS: Final = listing(prose("an argument"), least=1, most=64)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_CURE: Final = "name an entry point, or write a list: `[program, argument, ...]`"


def command() -> Codec[dict[str, Any]]:
    """The attributes `command` and `entry_point` of an action."""
    return Codec(_read, _write, _schema)


def name_by_command(values: dict[str, Any], node: Node, findings: Findings, places: Places) -> bool:
    """Name an action that has no name after its command: the last part of the program's path."""
    if "name" in values or "name" in places:
        return "name" in values
    if "command" not in values:
        return False
    name = values["command"][0].rsplit("/", 1)[-1]
    if not _WORD.fullmatch(name):
        message = "missing key `name` in an action whose command gives none"
        cure = "add `name`: letters, digits, `-` and `_`"
        findings.append(MISSING_KEY.at(Label(node.span), message, help=cure))
        return False
    values["name"] = name
    places["name"] = places["command"]
    return True


def _read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
    if isinstance(node, Sequence):
        words = _ARGUMENTS.read(node, findings, places, route)
        return {"command": words, "entry_point": False} if words else None
    if isinstance(node, Scalar) and _WORD.fullmatch(node.text):
        return {"command": (node.text,), "entry_point": True}
    expected(node, findings, "an entry point or a list", _CURE)
    return None


def _write(value: Any, _style: Style) -> str | list[str] | None:  # noqa: ANN401 - an action
    if not value.command:
        return None
    return str(value.command[0]) if value.entry_point else list(value.command)


def _schema(definitions: Definitions) -> dict[str, Any]:
    return {"anyOf": [WORD.schema(definitions), _ARGUMENTS.schema(definitions)]}
