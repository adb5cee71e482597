"""A condition back to text, and the parts of it that people are told about."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from lotabots.condition.expr import And, Compare, Constant, Flag, Has, Member, Not, OneOf, Or, Text
from lotabots.condition.literals import written

if TYPE_CHECKING:
    from lotabots.condition.expr import Expr, Leaf


def clauses(expr: Expr) -> tuple[Expr, ...]:
    """The conditions that must all hold: the operands of a ``&&`` at the top, else `expr` itself.

    A compiled condition answers with an index into this tuple.
    """
    return expr.operands if isinstance(expr, And) else (expr,)


def render(expr: Expr) -> str:
    """The canonical text: `parse` reads it back to an equal condition.

    Two conditions with the same canonical text mean the same; the reverse need not hold. The text
    can be longer than the one that was written (a raw text gains escapes), hence a little beyond
    what `parse` takes.
    """
    match expr:
        case And(operands):
            return " && ".join(_grouped(part, Or) for part in operands)
        case Or(operands):
            return " || ".join(render(part) for part in operands)
        case Not(operand):
            bare = isinstance(operand, Constant | Flag | Has | Text | Not)
            return f"!{render(operand)}" if bare else f"!({render(operand)})"
        case _:
            return _leaf(expr)


def fields(expr: Expr) -> tuple[str, ...]:
    """The dotted paths of the fields that the condition reads, each once, in reading order."""
    return tuple(dict.fromkeys(_read(expr)))


def _grouped(expr: Expr, kind: type[Or]) -> str:
    return f"({render(expr)})" if isinstance(expr, kind) else render(expr)


def _leaf(expr: Leaf) -> str:
    match expr:
        case Constant(value):
            shown = written(value)
        case Flag(field):
            shown = str(field)
        case Has(field):
            shown = f"has({field})"
        case Compare(field, operator, value):
            shown = f"{field} {operator} {written(value.value)}"
        case OneOf(field, values):
            shown = f"{field} in [{', '.join(written(one.value) for one in values)}]"
        case Member(value, field):
            shown = f"{written(value.value)} in {field}"
        case Text(field, test, value):
            shown = f"{field}.{test}({written(value.value)})"
        case _:
            assert_never(expr)
    return shown


def _read(expr: Expr) -> list[str]:
    match expr:
        case And(operands) | Or(operands):
            return [path for part in operands for path in _read(part)]
        case Not(operand):
            return _read(operand)
        case Constant():
            return []
        case _:
            return [str(expr.field)]
