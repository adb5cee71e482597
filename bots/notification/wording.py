"""Makes text of others harmless: in a header, in plain text, in a chat message.

Nothing here trusts that text is short, one line, printable or even valid Unicode.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal

ODD = "\ufffd"
GAP = "\u200b"


def line(text: str, most: int) -> str:
    """One line of at most `most` characters: every run of white space is one space."""
    return cut(" ".join(_clean(text).split()), most)


def block(text: str, most: int) -> str:
    """Several lines; all but the first begin with a bar, so that they never look like ours."""
    lines = cut(_clean(text).strip("\n"), most).split("\n")
    return "\n  | ".join(one.rstrip() for one in lines)


def chat(text: str) -> str:
    """Text that chats show as it is: no ``<...>``, and mentions and links are broken invisibly."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", f"@{GAP}").replace("](", f"]{GAP}(")


def cut(text: str, most: int) -> str:
    """The beginning of a text, and how much is missing."""
    if len(text) <= most:
        return text
    gone = f" [{len(text) - most} characters left out]"
    return text[:most] + (gone if most > len(gone) else "")


def shown(value: object) -> str | None:
    """A value of a payload as text; None for what has no plain text (objects, lists, nothing)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return str(value)
    return value if isinstance(value, str) else None


def _clean(text: str) -> str:
    """Line feeds as line ends; marks for what is invisible or moves the cursor or the text."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(one if one == "\n" or _visible(one) else ODD for one in plain)


def _visible(one: str) -> bool:
    category = unicodedata.category(one)
    return category[0] != "C" and category not in {"Zl", "Zp"}
