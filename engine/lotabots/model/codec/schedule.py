"""Codecs of schedules: five cron fields and a time zone."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, expected
from lotabots.model.codec.scalar import name
from lotabots.syntax.nodes import Node, Scalar

LONGEST_CRON: Final = 128
_FIELD: Final = r"[0-9*,/-]+"
_STEP: Final = re.compile(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?", re.ASCII)
_CURE: Final = "write five fields like `0 3 * * *`: minute, hour, day of month, month, day of week"


class _Field(NamedTuple):
    name: str
    least: int
    most: int


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12),
    _Field("day of week", 0, 7),
)

TIMEZONE: Final = name(
    "a time zone",
    re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}", re.ASCII),
    "write a name of the IANA database, like `UTC` or `Europe/Berlin`",
    longest=64,
)


def _read(node: Node, findings: Findings, _places: Places, _route: str) -> str | None:
    text = node.text if isinstance(node, Scalar) else ""
    parts = text.split()
    if len(parts) != len(_FIELDS) or len(text) > LONGEST_CRON:
        expected(node, findings, "five cron fields", _CURE)
        return None
    for field, part in zip(_FIELDS, parts, strict=True):
        if not all(_fits(step, field) for step in part.split(",")):
            what = f"the {field.name} from {field.least} to {field.most}"
            cure = "use numbers, `*`, ranges `1-5`, steps `*/5` and lists `1,3`"
            expected(node, findings, what, cure)
            return None
    return " ".join(parts)


def _fits(text: str, field: _Field) -> bool:
    step = _STEP.fullmatch(text)
    if not step:
        return False
    low = field.least if step[1] is None else int(step[1])
    high = int(step[2]) if step[2] else field.most
    return field.least <= low <= high <= field.most and step[3] not in ("0", "00")


def _schema(_definitions: Definitions) -> dict[str, Any]:
    pattern = rf"^\s*{_FIELD}(?:\s+{_FIELD}){{4}}\s*$"
    return {"type": "string", "maxLength": LONGEST_CRON, "pattern": pattern}


CRON: Final = Codec(_read, lambda value, _style: value, _schema)
