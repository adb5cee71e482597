"""A checked condition to a Python function, by way of Python's own syntax tree.

INVARIANT: no text of a user is ever parsed or evaluated by Python. Nodes are built here one by
one; the only user text in them is the names of declared members (behind `f_`). Constants are the
defaults of parameters, and the code object becomes a function without passing through `exec`.
"""

from __future__ import annotations

import ast
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, assert_never

from lotabots.condition.expr import And, Compare, Constant, Flag, Has, Member, Not, OneOf, Or, Text
from lotabots.condition.text import clauses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lotabots.condition.expr import Expr, FieldPath, Leaf, Value

HOLDS: Final = -1
"""What a compiled condition answers when it is true."""


def compile_condition(
    expr: Expr, *, absent: object, shapes: dict[CodeType, CodeType] | None = None
) -> Callable[[Any, Any], int]:
    """A function of ``(payload, event)``: `HOLDS`, or the index of the first false clause.

    The index is one into `lotabots.condition.text.clauses`. `expr` must have passed `check`; then
    the function raises nothing for objects of the checked type. A member ``x`` is read from the
    attribute ``f_x``, which is `absent` (the very object) if the member is absent. Numbers are
    `int` or `Decimal`.

    Conditions that differ only in their constants share their code by way of `shapes`, which they
    are written to: what thousands of conditions run is then still in the processor's cache.
    """
    names = _Names(absent)
    answer: ast.expr = ast.Constant(HOLDS)
    for index, clause in reversed(tuple(enumerate(clauses(expr)))):
        answer = ast.IfExp(names.truth(clause), answer, ast.Constant(index))
    code = _code(answer, names.values)
    if shapes is not None:
        code = shapes.setdefault(code, code)
    return FunctionType(code, {}, "condition", tuple(names.values.values()))


_OPERATORS: Final[dict[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_METHODS: Final = {"startsWith": "startswith", "endsWith": "endswith"}
_ABSENT: Final = "absent"


class _Names:
    """The nodes of one function, and the defaults of the parameters that stand for its constants.

    A syntax tree takes only Python's own constants, so decimals and the absent marker need names;
    the others get them, so that code has nothing of its own and can be shared.
    """

    def __init__(self, absent: object) -> None:
        self.values: dict[str, Any] = {_ABSENT: absent}

    def truth(self, expr: Expr) -> ast.expr:
        match expr:
            case And(operands):
                return ast.BoolOp(ast.And(), [self.truth(part) for part in operands])
            case Or(operands):
                return ast.BoolOp(ast.Or(), [self.truth(part) for part in operands])
            case Not(operand):
                return _not(self.truth(operand))
            case _:
                return self._leaf(expr)

    def _leaf(self, expr: Leaf) -> ast.expr:
        node: ast.expr
        match expr:
            case Constant(value):
                node = ast.Constant(value)
            case Flag(field):
                node = _read(field)
            case Has(field):
                node = self._present(field)
            case Compare(field, operator, value):
                node = _compare(_read(field), _OPERATORS[operator](), self._value(value))
            case OneOf(field, values):
                node = _compare(_read(field), ast.In(), self._list(values))
            case Member(value, field):
                node = _compare(self._value(value), ast.In(), _read(field))
            case Text(field, "contains", value):
                node = _compare(self._value(value), ast.In(), _read(field))
            case Text(field, test, value):
                method = ast.Attribute(_read(field), _METHODS[test], ast.Load())
                node = ast.Call(method, [self._value(value)], [])
            case _:
                assert_never(expr)
        return node

    def _present(self, field: FieldPath) -> ast.expr:
        """Every step of the path in turn; required ones too, as the type is not known here."""
        absent = ast.Name(_ABSENT, ast.Load())
        steps: list[ast.expr] = [
            _compare(_attribute(field.names[:end]), ast.IsNot(), absent)
            for end in range(2, len(field.names) + 1)
        ]
        return ast.BoolOp(ast.And(), [ast.Constant(value=True), *steps])

    def _value(self, value: Value) -> ast.expr:
        return self._named(value.value)

    def _list(self, values: Sequence[Value]) -> ast.expr:
        plain = [one.value for one in values]
        # Hashing a decimal costs more than comparing a few; texts know their hash already.
        if all(isinstance(one, str) for one in plain):
            return self._named(frozenset(plain))
        return self._named(tuple(plain))

    def _named(self, value: object) -> ast.Name:
        name = f"value{len(self.values)}"
        self.values[name] = value
        return ast.Name(name, ast.Load())


def _code(answer: ast.expr, constants: Iterable[str]) -> CodeType:
    parameters = ast.arguments(
        posonlyargs=[ast.arg(name) for name in ("payload", "event", *constants)],
        args=[],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    function = ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, answer)))
    compiled = compile(function, "<condition>", "eval")
    return next(const for const in compiled.co_consts if isinstance(const, CodeType))


def _read(field: FieldPath) -> ast.expr:
    return _attribute(field.names)


def _attribute(names: Sequence[str]) -> ast.expr:
    node: ast.expr = ast.Name(names[0], ast.Load())
    for name in names[1:]:
        node = ast.Attribute(node, f"f_{name}", ast.Load())
    return node


def _compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [operator], [right])


def _not(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), node)
