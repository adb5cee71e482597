"""The characters of a rule file: UTF-8, visible, in lines that every tool counts alike."""

from __future__ import annotations

import re
from typing import Final

from lotabots.diagnostics.codes import LIMIT, SYNTAX
from lotabots.diagnostics.diagnostic import Diagnostic, Label
from lotabots.diagnostics.source import LINE_BREAK
from lotabots.diagnostics.span import Span, start_of
from lotabots.syntax.limits import MAX_BYTES

_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_VISIBLE_ASCII: Final = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))
# Controls that terminals obey, breaks that only some tools count as lines, marks that change the
# order in which text is shown ("Trojan Source"), and what Unicode says is no character.
_REFUSED: Final = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ufffe\uffff]"
)


def decode(path: str, data: bytes) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The text of a file without its byte order mark, or None and the finding that says why."""
    if len(data) > MAX_BYTES:
        return None, (_too_large(path, len(data)),)
    data = data.removeprefix(_UTF8_MARK)
    if data.isascii() and not data.translate(None, _VISIBLE_ASCII):
        return data.decode("ascii"), ()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, (_not_utf8(path, data, error.start),)
    if (found := re.search(_REFUSED, text)) is not None:
        return None, (_refused_character(path, text, found.start()),)
    return text, ()


def advance(line: int, column: int, passed: str) -> tuple[int, int]:
    """The 1-based place after the text `passed`, which starts at `line` and `column`."""
    *before, last = LINE_BREAK.split(passed)
    if before:
        return line + len(before), len(last) + 1
    return line, column + len(last)


def span_of(path: str, text: str, start: int, end: int) -> Span:
    """The span of ``text[start:end]``."""
    line, column = advance(1, 1, text[:start])
    return Span(path, line, column, *advance(line, column, text[start:end]))


def _too_large(path: str, size: int) -> Diagnostic:
    return LIMIT.at(
        Label(start_of(path)),
        f"the file has {size} bytes, more than {MAX_BYTES}",
        help="split the file",
    )


def _not_utf8(path: str, data: bytes, position: int) -> Diagnostic:
    if data.startswith(_UTF16_MARKS):
        what, place = "the file is UTF-16", start_of(path)
    else:
        before = data[:position].decode("utf-8")
        what = f"byte 0x{data[position]:02x} is not UTF-8"
        place = span_of(path, before, len(before), len(before))
    return SYNTAX.at(Label(place), what, help="save the file as UTF-8")


def _refused_character(path: str, text: str, position: int) -> Diagnostic:
    more = len(re.findall(_REFUSED, text)) - 1
    return SYNTAX.at(
        Label(span_of(path, text, position, position + 1)),
        f"character U+{ord(text[position]):04X} is not allowed: it is invisible or controls how "
        "text is shown",
        help="remove it, or write it as an escape in a double-quoted text",
        notes=(_how_many(more),) if more else (),
    )


def _how_many(more: int) -> str:
    return f"{more} more such character{' follows' if more == 1 else 's follow'}"
