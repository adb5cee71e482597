"""Codecs of leaves: text, names, truth values, whole numbers, choices.

A plain scalar is text until a codec asks for something else, so ``version: 1.10`` stays ``1.10``.
Numbers and truth values follow the YAML 1.2 core schema; truth values only in lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lotabots.model.codec.codec import (
    NULLS,
    Codec,
    Definitions,
    Findings,
    Places,
    Style,
    did_you_mean,
    expected,
    one_of,
)
from lotabots.model.event import MAX_SAFE_INTEGER
from lotabots.syntax.nodes import Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

MAX_PROSE: Final = 4096
LONGEST_NUMBER: Final = 40
"""Longer digit strings are refused unread: no number of a rule file needs them."""

# Compiled when first asked: hardly any text of a rule file is not printable.
_CONTROL: Final = "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff]"
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_YES: Final = frozenset(("yes", "on", "y", "1", "true"))
_NO: Final = frozenset(("no", "off", "n", "0", "false"))


def prose(what: str = "text", *, longest: int = MAX_PROSE) -> Codec[str]:
    """Free text, not empty, without control characters other than tab and newline."""

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> str | None:
        if type(node) is Scalar and not (node.plain and node.text in NULLS):
            text = node.text
            clean = text.isprintable() or not re.search(_CONTROL, text)
            if text and clean and len(text) <= longest:
                return text
            if not clean:
                expected(node, findings, f"{what} without control characters", "remove them")
                return None
            if text:
                cure = f"shorten it: it has {len(text)} characters"
                expected(node, findings, f"at most {longest} characters", cure)
                return None
        expected(node, findings, what, f"write {what}, or remove the key")
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": longest}

    return Codec(read, _same, schema)


def name(
    what: str, pattern: re.Pattern[str], cure: str, *, longest: int = 128, number: bool = False
) -> Codec[str]:
    """Text that matches `pattern` as a whole.

    Args:
        what: what the text is, for messages: ``a bot name``.
        pattern: compiled with `re.ASCII`, in syntax that JavaScript shares.
        cure: the rule in words.
        longest: in characters.
        number: whether an editor that reads the plain text as a number should accept it too.
    """
    # The same few names stand all over a fleet; asking the memory costs a fifth of the pattern.
    fullmatch = lru_cache(maxsize=1024)(pattern.fullmatch)

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> str | None:
        if type(node) is Scalar and not (node.plain and node.text in NULLS):
            text = node.text
            if len(text) <= longest and fullmatch(text):
                return text
        expected(node, findings, what, cure)
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        kind: Any = ["string", "number"] if number else "string"
        return {"type": kind, "maxLength": longest, "pattern": f"^({pattern.pattern})$"}

    return Codec(read, _same, schema)


def boolean() -> Codec[bool]:
    """``true`` or ``false``, plain; the words of YAML 1.1 are refused with the cure."""

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> bool | None:
        if type(node) is Scalar and node.plain:
            if node.text == "true":
                return True
            if node.text == "false":
                return False
        expected(node, findings, "true or false", _boolean_cure(node))
        return None

    return Codec(read, _same, lambda _definitions: {"type": "boolean"})


def _boolean_cure(node: Node) -> str:
    word = node.text.lower() if isinstance(node, Scalar) else ""
    if word in _YES or word in _NO:
        meant = "true" if word in _YES else "false"
        unquoted = isinstance(node, Scalar) and not node.plain and word == meant
        return f"write `{meant}` without quotes" if unquoted else f"write `{meant}`"
    return "write `true` or `false`"


def integer(minimum: int = -MAX_SAFE_INTEGER, maximum: int = MAX_SAFE_INTEGER) -> Codec[int]:
    """A whole number within inclusive bounds."""
    what = "a whole number"
    cure = f"write a whole number from {minimum} to {maximum}"
    if (minimum, maximum) == (-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER):
        cure = "write a whole number that JSON can hold (at most 2^53 - 1)"

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> int | None:
        value = whole(node)
        if value is None:
            expected(node, findings, what, cure)
            return None
        if not minimum <= value <= maximum:
            expected(node, findings, f"{what} from {minimum} to {maximum}", cure)
            return None
        return value

    def schema(_definitions: Definitions) -> dict[str, Any]:
        return {"type": "integer", "minimum": minimum, "maximum": maximum}

    return Codec(read, _same, schema)


def whole(node: Node) -> int | None:
    """The whole number at `node` by the core schema (decimal, ``0o17``, ``0x1f``), if it is one."""
    if type(node) is not Scalar or not node.plain or len(node.text) > LONGEST_NUMBER:
        return None
    text = node.text
    if text.isascii() and text.isdecimal():
        return int(text)
    if not _INTEGER.fullmatch(text):
        return None
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def choice(words: Mapping[str, T]) -> Codec[T]:
    """One of a few words; `words` gives the value that each stands for, one word per value.

    A value without a word can only be a default: it is written as None, in full style alone.
    """
    spelled = {value: word for word, value in words.items()}

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> T | None:
        if type(node) is Scalar and node.text in words:
            return words[node.text]
        given = node.text if isinstance(node, Scalar) else ""
        cure = did_you_mean(given, words) or f"write {one_of(words)}"
        expected(node, findings, one_of(words), cure)
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        return {"type": "string", "enum": list(words)}

    return Codec(read, lambda value, _style: spelled.get(value), schema)


def _same(value: Any, _style: Style) -> Any:  # noqa: ANN401 - leaves are JSON already
    return value
