"""Makes text of others harmless: in a line of our own, and in Markdown.

Nothing here trusts that text is short, one line, printable or even valid Unicode.
"""

from __future__ import annotations

import re
import unicodedata

ODD, GAP = "\ufffd", "\u200b"
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&:=^$\"'])")
"""Punctuation that means something to some reader of Markdown. CommonMark 2.4: any of it may be
escaped by a backslash; `@` becomes no mention and no address only by what follows it."""


def line(text: str, most: int) -> str:
    """One visible line of at most `most` characters: every run of white space is one space."""
    plain = " ".join("".join(one if _visible(one) else ODD for one in _spaced(text)).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def markdown(text: str, most: int = 500) -> str:
    """The same as text of a Markdown page: no markup, no links, no mentions, no table cells."""
    return _ACTIVE.sub(r"\\\1", line(text, most)).replace("@", f"@{GAP}")


def _spaced(text: str) -> str:
    return re.sub(r"[\s\x1c-\x1f\x85\u2028\u2029]", " ", text)


def _visible(one: str) -> bool:
    return unicodedata.category(one)[0] != "C"
