"""Text of a condition to its syntax tree. Total: any text gives a tree or a problem, in bounds.

Grammar (CEL's, without what cannot be decided exactly):

    or         = and { "||" and }
    and        = unary { "&&" unary }
    unary      = "!" unary | primary
    primary    = "(" or ")" | "has" "(" field ")" | comparison
    comparison = field [ "." test "(" text ")" ]
               | field operator literal | literal operator field
               | field "in" "[" literal { "," literal } [ "," ] "]"
               | literal "in" field | "true" | "false"
    field      = word "." word { "." word }

Whether the fields exist and the types fit is the business of `lotabots.condition.check`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from lotabots.condition import advice, literals
from lotabots.condition.expr import (
    And,
    Compare,
    Constant,
    FieldPath,
    Flag,
    Has,
    Member,
    Not,
    OneOf,
    Operator,
    Or,
    Text,
    TextTest,
    Value,
)
from lotabots.condition.problem import Problem, RefusedError
from lotabots.condition.tokens import Token, tokenize
from lotabots.frozen import replace

if TYPE_CHECKING:
    from lotabots.condition.advice import Advice
    from lotabots.condition.expr import Expr

MAX_LENGTH: Final = 4096
"""Characters of one condition."""

MAX_DEPTH: Final = 32
"""Parentheses and ``!`` inside each other."""

MAX_LEAVES: Final = 64
"""Comparisons and other conditions without a part."""


def parse(text: str) -> Expr | tuple[Problem, ...]:
    """The condition that `text` says, or what is wrong with it (at least one problem)."""
    if len(text) > MAX_LENGTH:
        message = f"the condition is longer than {MAX_LENGTH} characters"
        return (Problem("syntax", message, "split the rule in two", MAX_LENGTH, len(text)),)
    try:
        return _Parser(tokenize(text)).condition()
    except RefusedError as refused:
        return (refused.problem,)


_FLIPPED: Final[dict[str, Operator]] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
_OPERATORS: Final[dict[str, Operator]] = {name: name for name in get_args(Operator)}
_TESTS: Final[dict[str, TextTest]] = {name: name for name in get_args(TextTest)}


class _Parser:
    """Recursive descent over the tokens of one condition; raises `RefusedError`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._now = tokens[0]
        self._depth = 0
        self._leaves = 0

    def condition(self) -> Expr:
        if self._at_end():
            raise _refused(self._now, ("the condition is empty", "leave `when` out instead"))
        expr = self._or()
        if not self._at_end():
            raise _unexpected(self._now)
        return expr

    # Conditions

    def _or(self) -> Expr:
        first = self._and()
        operands = [first]
        while self._take("||"):
            operands.append(self._and())
        if len(operands) == 1:
            return first
        flat = [
            part for one in operands for part in (one.operands if isinstance(one, Or) else (one,))
        ]
        return Or(tuple(flat), start=first.start, end=operands[-1].end)

    def _and(self) -> Expr:
        first = self._unary()
        operands = [first]
        while self._take("&&"):
            operands.append(self._unary())
        if len(operands) == 1:
            return first
        flat = [
            part for one in operands for part in (one.operands if isinstance(one, And) else (one,))
        ]
        return And(tuple(flat), start=first.start, end=operands[-1].end)

    def _unary(self) -> Expr:
        bang = self._take("!")
        if bang is None:
            return self._primary()
        self._enter(bang)
        bare = self._now.text != "("
        operand = self._unary()
        self._depth -= 1
        if bare and isinstance(operand, Compare | OneOf | Member):
            # CEL reads `!a == b` as `(!a) == b`, and people mean `!(a == b)`.
            raise _refused(Token("operator", "!", bang.start, operand.end), advice.NEGATED_OPERAND)
        return Not(operand, start=bang.start, end=operand.end)

    def _primary(self) -> Expr:
        opening = self._take("(")
        if opening is not None:
            return self._group(opening)
        if self._now.text == "has" and self._next_text == "(":
            return self._has()
        self._leaf()
        if self._now.kind == "word" and self._now.text not in ("true", "false"):
            return self._of_field()
        return self._of_literal()

    def _group(self, opening: Token) -> Expr:
        self._enter(opening)
        inner = self._or()
        self._depth -= 1
        closing = self._take(")")
        if closing is None:
            if self._at_end():
                raise _refused(opening, ("this parenthesis is not closed", "add `)`"))
            raise _unexpected(self._now)
        if self._now.text in _OPERATORS or self._now.text == "in":
            raise _refused(self._now, advice.COMPARED_CONDITION)
        return replace(inner, start=opening.start, end=closing.end)

    def _has(self) -> Expr:
        self._leaf()
        start = self._advance().start
        self._advance()
        if self._now.kind != "word":
            raise _refused(self._now, ("`has` takes a field", "write `has(payload.x)`"))
        field = self._field()
        if self._now.text == "(":
            raise _refused(self._now, ("`has` takes a field", "write `has(payload.x)`"))
        closing = self._expect(")")
        return Has(field, start=start, end=closing.end)

    def _of_field(self) -> Expr:
        self._refuse_foreign_word()
        field = self._field()
        if self._take("("):
            return self._test(field)
        token = self._now
        if token.text in _OPERATORS:
            self._advance()
            value = self._literal_beside(field)
            operator = _OPERATORS[token.text]
            return self._unchained(
                Compare(field, operator, value, start=field.start, end=value.end)
            )
        if token.text == "in":
            self._advance()
            return self._unchained(self._one_of(field))
        return Flag(field, start=field.start, end=field.end)

    def _refuse_foreign_word(self) -> None:
        """Refuse ``not x``, ``size(x)``, ``True`` and ``null``, which only look like a field."""
        token, following = self._now, self._next_text
        if following == "(":
            raise _refused(token, advice.for_function(token.text))
        if following == ".":
            return
        known = advice.for_word(token.text)
        if known is not None and self._tokens[self._index + 1].kind == "word":
            raise _refused(token, known)
        if advice.is_constant(token.text):
            raise _refused(token, advice.for_bare_word(token.text))

    def _test(self, called: FieldPath) -> Expr:
        """The rest of ``called(`` where the last name of `called` is the test."""
        name = called.names[-1]
        place = Token("word", name, called.end - len(name), called.end)
        if name not in _TESTS:
            raise _refused(place, advice.for_function(name))
        if self._now.kind != "text":
            raise _refused(self._now, (f"`{name}` takes a text", f'write `.{name}("text")`'))
        value = self._literal()
        closing = self._expect(")")
        field = FieldPath(called.names[:-1], start=called.start, end=place.start - 1)
        return self._unchained(
            Text(field, _TESTS[name], value, start=called.start, end=closing.end)
        )

    def _one_of(self, field: FieldPath) -> Expr:
        if self._now.kind == "word" and self._now.text not in ("true", "false"):
            raise _refused(self._now, advice.TWO_FIELDS)
        if self._take("[") is None:
            raise _refused(self._now, ("`in` takes a list", 'write `in ["a", "b"]`'))
        if self._now.text == "]":
            message = "nothing is in an empty list"
            raise _refused(self._now, (message, "name at least one value, or write `false`"))
        values = [self._literal()]
        while self._take(",") and self._now.text != "]":
            values.append(self._literal())
        closing = self._expect("]")
        return OneOf(field, tuple(values), start=field.start, end=closing.end)

    def _of_literal(self) -> Expr:
        value = self._literal()
        token = self._now
        if token.text in _OPERATORS:
            self._advance()
            field = self._field_beside()
            operator = _FLIPPED[token.text]
            return self._unchained(
                Compare(field, operator, value, start=value.start, end=field.end)
            )
        if token.text == "in":
            self._advance()
            field = self._field_beside()
            return self._unchained(Member(value, field, start=value.start, end=field.end))
        if isinstance(value.value, bool):
            return Constant(value.value, start=value.start, end=value.end)
        if token.kind == "end" or token.text in ("&&", "||", ")"):
            place = Token("text", "", value.start, value.end)
            message = "a literal is not a condition"
            raise _refused(place, (message, "compare a field with it: `payload.x == ...`"))
        raise _unexpected(self._now)

    def _unchained(self, expr: Expr) -> Expr:
        if self._now.text in _OPERATORS or self._now.text == "in":
            raise _refused(self._now, advice.CHAIN)
        return expr

    # Operands

    def _field(self) -> FieldPath:
        """A dotted name at the current token, which is a word."""
        first = last = self._advance()
        names = [first.text]
        while self._now.text == ".":
            self._advance()
            if self._now.kind != "word":
                message = "a member name belongs after the dot"
                raise _refused(self._now, (message, "write `payload.member`"))
            last = self._advance()
            names.append(last.text)
        if self._now.text == "[":
            raise _refused(self._now, advice.INDEX)
        return FieldPath(tuple(names), start=first.start, end=last.end)

    def _field_beside(self) -> FieldPath:
        """The field that a literal on the left is compared with."""
        token = self._now
        if token.kind == "word" and token.text not in ("true", "false"):
            self._refuse_foreign_word()
            field = self._field()
            if self._now.text == "(":
                raise _refused(self._now, advice.CHAIN)
            return field
        if token.kind in ("text", "number", "word"):
            raise _refused(token, advice.TWO_LITERALS)
        raise _unexpected(self._now)

    def _literal_beside(self, field: FieldPath) -> Value:
        """The literal that a field on the left is compared with."""
        token = self._now
        if token.kind != "word" or token.text in ("true", "false"):
            return self._literal()
        if self._next_text == ".":
            other = self._field()
            place = Token("word", "", field.start, other.end)
            raise _refused(place, advice.TWO_FIELDS)
        return self._literal()

    def _literal(self) -> Value:
        token = self._advance()
        if token.kind == "text":
            return Value(literals.text(token), start=token.start, end=token.end)
        if token.kind == "number":
            return Value(literals.number(token, negative=False), start=token.start, end=token.end)
        if token.text == "-" and self._now.kind == "number":
            digits = self._advance()
            value = literals.number(digits, negative=True)
            return Value(value, start=token.start, end=digits.end)
        if token.kind == "word" and token.text in ("true", "false"):
            return Value(token.text == "true", start=token.start, end=token.end)
        if token.kind == "word":
            called = self._now.text == "("
            answer = advice.for_function if called else advice.for_bare_word
            raise _refused(token, answer(token.text))
        raise _unexpected(token)

    # Tokens

    @property
    def _next_text(self) -> str:
        following = self._index + 1
        return self._tokens[following].text if following < len(self._tokens) else ""

    def _at_end(self) -> bool:
        return self._now.kind == "end"

    def _advance(self) -> Token:
        token = self._now
        if token.kind != "end":
            self._index += 1
            self._now = self._tokens[self._index]
        return token

    def _take(self, operator: str) -> Token | None:
        token = self._now
        if token.kind != "operator" or token.text != operator:
            return None
        return self._advance()

    def _expect(self, operator: str) -> Token:
        token = self._take(operator)
        if token is None:
            raise _unexpected(self._now, f"add `{operator}`")
        return token

    # Bounds and refusals

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"the condition is nested more than {MAX_DEPTH} deep"
            raise _refused(token, (message, "split the rule in two"))

    def _leaf(self) -> None:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            message = f"the condition has more than {MAX_LEAVES} comparisons"
            cure = "split the rule in two, or gather values in a list: `payload.x in [...]`"
            raise _refused(self._now, (message, cure))


def _unexpected(token: Token, cure: str = "") -> RefusedError:
    """What to say about a token that does not belong where it stands."""
    if token.kind == "end":
        message = "the condition ends too early"
        return _refused(token, (message, cure or "write a condition such as `payload.x == 1`"))
    known = advice.for_word(token.text) if token.kind == "word" else None
    if known is None and token.text == "-":
        known = advice.for_symbol("-")
    fallback = cure or "join conditions with `&&` or `||`"
    return _refused(token, known or (f"unexpected `{token.text}`", fallback))


def _refused(token: Token, answer: Advice) -> RefusedError:
    return RefusedError(*answer, token.start, token.end)
