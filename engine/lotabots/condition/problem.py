"""What is wrong with a condition, and where in its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ProblemKind = Literal["syntax", "unknown-field", "type", "absent"]


class Problem(NamedTuple):
    """One thing wrong with ``text[start:end]``, in the words of a diagnostic.

    `start` and `end` are offsets in characters of the condition's text; the caller knows where in
    a file that text stands.
    """

    kind: ProblemKind
    message: str
    help: str
    start: int
    end: int


class RefusedError(Exception):
    """Carries the first syntax problem out of the parser; never leaves `parse`."""

    def __init__(self, message: str, cure: str, start: int, end: int) -> None:
        super().__init__(message)
        self.problem = Problem("syntax", message, cure, start, end)


def alike(given: str, known: Sequence[str]) -> list[str]:
    """The word of `known` that `given` is most likely a misspelling of; none if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a faulty condition pays for it

    return get_close_matches(given, known, n=1)
