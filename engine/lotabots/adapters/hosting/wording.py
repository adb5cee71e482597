"""Texts that others wrote, as they may stand in the history, in records and in answers."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 1000
"""Bytes of a reason. A status lists fifty releases, and who asks reads only so much of it."""


def short(text: str) -> str:
    r"""One printable line of at most `LONGEST` bytes.

    >>> short("no\nmore")
    'no more'
    """
    plain = "".join(one if one.isprintable() else " " for one in text[: 2 * LONGEST])
    return " ".join(plain.split()).encode(errors="replace")[:LONGEST].decode(errors="ignore")
