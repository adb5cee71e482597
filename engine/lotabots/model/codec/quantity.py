"""Codecs of exact numbers, durations and sizes. Nothing passes through binary floating point."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, Style, expected
from lotabots.model.codec.scalar import LONGEST_NUMBER, whole
from lotabots.model.event import MAX_SAFE_INTEGER
from lotabots.syntax.nodes import Node, Scalar

DAY: Final = 86_400
LONGEST_DURATION: Final = 366 * DAY
LARGEST_SIZE: Final = 2**50

_UNITS: Final[dict[str, Decimal | int]] = {
    "ms": Decimal("0.001"),
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": DAY,
}
_SIZES: Final = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
# No exponents: whoever reads a rule file should not have to count zeros. 27 digits are
# within what Decimal keeps exactly in its default context.
_DECIMAL: Final = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})", re.ASCII)
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9}(?!ms))?)(ms|s|m|h|d)", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15})(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.ASCII)


def number() -> Codec[Decimal]:
    """An exact decimal number; as text too (``"0.5"``), for writers that only have floats."""

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> Decimal | None:
        value = _decimal(node, quoted=True)
        if value is None:
            cure = "write digits with at most 18 places before and 9 after the point"
            expected(node, findings, "a number", cure)
        return None if value is None else Decimal(value)

    def schema(_definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, _written(_DECIMAL)]}

    return Codec(read, lambda value, _style: plain(value), schema)


def duration(
    minimum: Decimal | int = 0, maximum: Decimal | int = LONGEST_DURATION
) -> Codec[Decimal | int]:
    """Seconds as a number, or ``500ms``, ``2s``, ``15m``, ``24h``, ``7d``; bounds in seconds."""

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> Decimal | int | None:
        value = _seconds(node)
        if value is None:
            cure = (
                "write seconds (`900`) or a number with a unit (`500ms`, `2s`, `15m`, `24h`, `7d`)"
            )
            expected(node, findings, "a duration", cure)
        elif not minimum <= value <= maximum:
            what = f"a duration from {minimum} to {maximum} seconds"
            expected(node, findings, what, "write a duration within these bounds")
        else:
            return value
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        low = float(minimum) if isinstance(minimum, Decimal) else minimum
        number = {"type": "number", "minimum": low, "maximum": maximum}
        return {"anyOf": [number, _written(_DURATION)]}

    return Codec(read, _write_duration, schema)


def seconds(minimum: int, maximum: int) -> Codec[int]:
    """A duration that is a whole number of seconds."""
    inner = duration(minimum, maximum)

    def read(node: Node, findings: Findings, places: Places, route: str) -> int | None:
        value = inner.read(node, findings, places, route)
        if isinstance(value, Decimal):
            expected(node, findings, "whole seconds", "round it to seconds")
            return None
        return value

    return Codec(read, lambda value, _style: value, inner.schema)


def size(minimum: int = 1, maximum: int = LARGEST_SIZE) -> Codec[int]:
    """Bytes as a whole number, or ``64KiB``, ``1MiB``, ``1GiB``, ``10MB``; bounds in bytes."""

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> int | None:
        value = whole(node)
        unit = _SIZE.fullmatch(node.text) if value is None and isinstance(node, Scalar) else None
        if unit:
            value = int(unit[1]) * _SIZES[unit[2]]
        if value is None:
            cure = "write bytes (`1048576`) or a number with a unit (`64KiB`, `1MiB`, `1GiB`)"
            expected(node, findings, "a size", cure)
        elif not minimum <= value <= maximum:
            what = f"a size from {minimum} to {maximum} bytes"
            expected(node, findings, what, "write a size within these bounds")
        else:
            return value
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        number = {"type": "integer", "minimum": minimum, "maximum": maximum}
        return {"anyOf": [number, _written(_SIZE)]}

    return Codec(read, lambda value, _style: value, schema)


def _seconds(node: Node) -> Decimal | int | None:
    value = whole(node)
    if value is not None:
        return value
    unit = _DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
    if unit:
        amount = Decimal(unit[1]) if "." in unit[1] else int(unit[1])
        return _reduced(amount * _UNITS[unit[2]])
    return _decimal(node, quoted=False)


def _decimal(node: Node, *, quoted: bool) -> Decimal | int | None:
    if type(node) is not Scalar or not (node.plain or quoted) or len(node.text) > LONGEST_NUMBER:
        return None
    return _reduced(Decimal(node.text)) if _DECIMAL.fullmatch(node.text) else None


def _reduced(value: Decimal | int) -> Decimal | int:
    """A whole value as `int`, so that equal values have one form."""
    return int(value) if value == int(value) else Decimal(value)


def plain(value: Decimal | int) -> int | str:
    """An exact number as JSON without floats: an integer, or the digits as text."""
    whole_value = int(value)
    if value == whole_value and abs(whole_value) <= MAX_SAFE_INTEGER:
        return whole_value
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _write_duration(value: Decimal | int, _style: Style) -> int | str:
    written = plain(value)
    return written if isinstance(written, int) else f"{written}s"


def _written(pattern: re.Pattern[str]) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern.pattern})$"}
