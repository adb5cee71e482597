"""Numbers and names in words, for people."""

from __future__ import annotations


def counted(count: int, one: str, *, many: str = "") -> str:
    """`count` things: ``1 bot``, ``2 bots``; `many` where the plural is not `one` with an s."""
    return f"{count} {one}" if count == 1 else f"{count} {many or f'{one}s'}"


def spoken(name: str) -> str:
    """A name of JSON as people say it: ``dead letter`` for ``dead_letter``."""
    return name.replace("_", " ")
