"""Literals: from the text of a token to its value, and from a value to its canonical text.

Numbers are exact decimals; nothing here ever becomes binary floating point.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from lotabots.condition.problem import RefusedError

if TYPE_CHECKING:
    from lotabots.condition.tokens import Token

MAX_DIGITS: Final = 30
"""Digits before the point, and after it; more than any measure needs, and cheap to compare."""


def number(token: Token, *, negative: bool) -> int | Decimal:
    """The value of a number token: an `int` if it is whole, however it is written.

    Raises:
        RefusedError: if it has too many digits.
    """
    if token.text.isdecimal() and len(token.text) <= MAX_DIGITS:
        return -int(token.text) if negative else int(token.text)
    exponent = token.text.lower().partition("e")[2]
    _bound(token, len(token.text) <= _MAX_WRITTEN and len(exponent.lstrip("+-0")) <= _MAX_EXPONENT)
    whole, _, fraction = format(Decimal(token.text), "f").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    _bound(token, len(whole) <= MAX_DIGITS and len(fraction) <= MAX_DIGITS)
    sign = "-" if negative else ""
    return Decimal(f"{sign}{whole}.{fraction}") if fraction else int(sign + whole)


def text(token: Token) -> str:
    """The value of a text token: CEL's escapes, or none after ``r``.

    Raises:
        RefusedError: for an escape that CEL does not know.
    """
    raw = token.text
    if raw[0] in "rR":
        return raw[2:-1]
    if "\\" not in raw:
        return raw[1:-1]
    return re.sub(_ESCAPE, lambda found: _unescape(found, token), raw[1:-1])


def written(value: str | bool | int | Decimal) -> str:
    """The canonical text of a literal; `number` and `text` read it back to an equal value."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return format(value, "f")


def quoted(value: str) -> str:
    r"""`value` in double quotes, with escapes that CEL and JSON both know.

    >>> print(quoted('a "b"\n'))
    "a \"b\"\n"
    """
    return f'"{re.sub(_SPECIAL, _escape, value)}"'


# Coarse bounds, so that the exact check below never handles more than some hundred digits.
_MAX_WRITTEN: Final = 80
_MAX_EXPONENT: Final = 2

# CEL, section "String literals": \a \b \f \n \r \t \v, the punctuation,
# \x41, \X41, \u0041, \U00000041, \101. Compiled when first asked, as few texts have any.
_ESCAPE: Final = r"(?s)\\(?:[xX][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-3][0-7]{2}|.)"
_SHORT: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{mark: mark for mark in "\\?\"'`"},
}
_SPECIAL: Final = r'["\\\x00-\x1f\x7f\u0085\u2028\u2029]'
_SHORT_OUT: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_LAST_CODE_POINT: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def _bound(token: Token, within: bool) -> None:
    if not within:
        raise RefusedError(
            "this number is too long",
            f"at most {MAX_DIGITS} digits may stand before the point, and after it",
            token.start,
            token.end,
        )


def _unescape(found: re.Match[str], token: Token) -> str:
    body = found.group()[1:]
    if len(body) == 1:
        if body in _SHORT:
            return _SHORT[body]
        raise _bad_escape(found, token)
    code = int(body, 8) if body[0] in "0123" else int(body[1:], 16)
    if code > _LAST_CODE_POINT or code in _SURROGATES:
        raise _bad_escape(found, token)
    return chr(code)


def _bad_escape(found: re.Match[str], token: Token) -> RefusedError:
    start = token.start + 1 + found.start()
    return RefusedError(
        f"`{found.group()}` is not an escape",
        "write a backslash as `\\\\`, a character as `\\n`, `\\t`, `\\x41` or `\\u0041`",
        start,
        start + len(found.group()),
    )


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    return _SHORT_OUT.get(char) or f"\\u{ord(char):04x}"
