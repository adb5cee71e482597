"""The syntax tree of a condition: frozen values with offsets into the text they came from.

Offsets do not take part in equality: two conditions are equal if they say the same thing. The
parser only builds this normal form, and everything else relies on it: comparisons have their
field on the left, nested ``&&`` (``||``) are flattened, whole numbers are `int`, and a `Decimal`
is never whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lotabots.frozen import Frozen

if TYPE_CHECKING:
    from decimal import Decimal

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
TextTest = Literal["startsWith", "endsWith", "contains"]


class _Node(Frozen, kw_only=True, aside=("start", "end")):
    """A piece of text: ``[start, end)``."""

    start: int = 0
    end: int = 0


class FieldPath(_Node):
    """A field such as ``payload.change.id``."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


class Value(_Node):
    """A literal. `bool` and `int` are told apart: ``true`` is not ``1``."""

    value: str | bool | int | Decimal

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


class Constant(_Node):
    """``true`` or ``false`` where a condition stands."""

    value: bool


class Flag(_Node):
    """A boolean field that stands as a condition by itself."""

    field: FieldPath


class Has(_Node):
    """Whether the field, and with it every object on the way to it, is present."""

    field: FieldPath


class Compare(_Node):
    """``field operator value``."""

    field: FieldPath
    operator: Operator
    value: Value


class OneOf(_Node):
    """``field in [values]``; never empty."""

    field: FieldPath
    values: tuple[Value, ...]


class Member(_Node):
    """``value in field``, where the field is a list."""

    value: Value
    field: FieldPath


class Text(_Node):
    """``field.startsWith(value)`` and its kin."""

    field: FieldPath
    test: TextTest
    value: Value


class Not(_Node):
    """``!operand``."""

    operand: Expr


class And(_Node):
    """``a && b && ...``: at least two operands, none of them an `And`; read from left to right."""

    operands: tuple[Expr, ...]


class Or(_Node):
    """``a || b || ...``: at least two operands, none of them an `Or`; read from left to right."""

    operands: tuple[Expr, ...]


Leaf = Constant | Flag | Has | Compare | OneOf | Member | Text
Expr = Leaf | Not | And | Or
