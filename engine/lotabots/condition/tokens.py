"""Text of a condition to tokens. Total: what is not a token is refused with its place."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from lotabots.condition import advice
from lotabots.condition.problem import RefusedError

TokenKind = Literal["word", "number", "text", "operator", "end"]


class Token(NamedTuple):
    """A token as written: ``text[start:end]``."""

    kind: TokenKind
    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, closed by one of kind ``end``.

    Raises:
        RefusedError: at the first character that begins no token.
    """
    tokens: list[Token] = []
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            break
        kind = _KINDS[found.lastgroup]
        token = Token(kind, found[kind], found.start(kind), found.end())
        if kind != "operator":
            _refuse_glued(text, token)
        tokens.append(token)
        position = token.end
    _refuse_foreign(text, _END.match(text, position))
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


# Every alternative is linear: no two of its parts can match the same character, so hostile text
# cannot make the matcher go back and forth. Raw text stands before words, which `r` would be.
_TOKEN: Final = re.compile(
    r"""[\t\n\f\r ]*(?:
    (?P<text>[rR]"[^"\r\n]*"|[rR]'[^'\r\n]*'
        |"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<operator>&&|\|\||==(?!=)|!=(?!=)|<=|>=|<(?!>)|!(?!=)|[>()\[\],.-])
    )""",
    re.VERBOSE,
)
_KINDS: Final[dict[str, TokenKind]] = {
    "text": "text",
    "word": "word",
    "number": "number",
    "operator": "operator",
}
_END: Final = re.compile(r"[\t\n\f\r ]*")
_FOREIGN: Final = re.compile(r"[!=]==|=~|=>|<>|//|[^\w\s]|\w+")
_GLUED: Final = re.compile(r"[A-Za-z0-9_]*", re.ASCII)


def _refuse_foreign(text: str, spaces: re.Match[str] | None) -> None:
    """Refuse whatever is left after the last token."""
    position = spaces.end() if spaces else 0
    if position == len(text):
        return
    if text[position] in "\"'":
        message, cure = advice.OPEN_TEXT
        raise RefusedError(message, cure, position, len(text))
    found = _FOREIGN.match(text, position)
    end = found.end() if found else position + 1
    message, cure = advice.for_symbol(text[position:end])
    raise RefusedError(message, cure, position, end)


def _refuse_glued(text: str, token: Token) -> None:
    """Refuse ``10m``, ``1u``, ``b"..."``, ``\"\"\"...``: a value with something stuck to it."""
    following = text[token.end : token.end + 1]
    if token.kind == "number":
        found = _GLUED.match(text, token.end)
        end = found.end() if found else token.end
        if end > token.end:
            message, cure = advice.not_a_number(text[token.start : end])
            raise RefusedError(message, cure, token.start, end)
    elif token.kind == "word" and following and following in "\"'":
        message, cure = advice.prefixed_text(token.text)
        raise RefusedError(message, cure, token.start, token.end)
    elif token.kind == "text" and following and following in "\"'":
        raise RefusedError(*advice.DOUBLED_QUOTE, token.start, token.end + 1)
