"""Sets of texts: those that pass some tests and fail others.

Exact for free text and for enumerations. A field with a `format` is exact where candidates can be
listed; elsewhere known examples of the format are tried, and failing that the answer is unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.condition.automaton import MAX_STEPS, Parts, shortest
from lotabots.condition.budget import ENDLESS
from lotabots.condition.verdict import Unknown
from lotabots.model.event import EnumType
from lotabots.model.payload_schema import FORMAT_PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.condition.budget import Budget
    from lotabots.condition.expr import TextTest
    from lotabots.model.event import TextType

Tests = frozenset[tuple["TextTest", str]]


class Texts(NamedTuple):
    """Texts that pass all of `passed` and none of `failed`.

    Of those only the ones in `one_of`, unless it is None, and none of those in `none_of`.
    """

    one_of: frozenset[str] | None = None
    none_of: frozenset[str] = frozenset()
    passed: Tests = frozenset()
    failed: Tests = frozenset()

    def meet(self, other: Texts) -> Texts:
        """The texts in both sets."""
        one_of = self.one_of
        if other.one_of is not None:
            one_of = other.one_of if one_of is None else one_of & other.one_of
        return Texts(
            one_of,
            self.none_of | other.none_of,
            self.passed | other.passed,
            self.failed | other.failed,
        )

    def holds(self, text: str) -> bool:
        """Whether `text` is in the set."""
        return (
            (self.one_of is None or text in self.one_of)
            and text not in self.none_of
            and all(_passes(text, *test) for test in self.passed)
            and not any(_passes(text, *test) for test in self.failed)
        )

    @property
    def empty(self) -> bool:
        """Whether it is plain that no text is in the set; `pick` knows for certain."""
        if self.one_of is not None:
            return not any(map(self.holds, self.one_of))
        return not self.passed.isdisjoint(self.failed)


def pick(
    texts: Texts,
    kind: TextType | EnumType,
    *,
    max_steps: int = MAX_STEPS,
    budget: Budget = ENDLESS,
) -> str | Unknown | None:
    """A short text of the set and the type; None is a proof that there is none.

    Raises:
        SpentError: beyond `budget`.
    """
    if isinstance(kind, EnumType):
        return next((one for one in kind.values if texts.holds(one)), None)
    if texts.one_of is not None:
        return next((one for one in sorted(texts.one_of) if _valid(one, texts, kind)), None)
    for guess in _guesses(texts, kind.format):
        if _valid(guess, texts, kind):
            return guess
    if not _aligned(texts):
        return None
    return _searched(texts, kind, max_steps, budget=budget)


def plainest(kind: TextType) -> str | None:
    """A valid value of the type; None if none is known."""
    samples = _SAMPLES.get(kind.format, ())
    return next((one for one in samples if len(one) <= kind.max_length), None)


def conforms(text: str, kind: TextType | EnumType) -> bool:
    """Whether `text` is a valid value of the type."""
    if isinstance(kind, EnumType):
        return text in kind.values
    pattern = FORMAT_PATTERNS.get(kind.format)
    return len(text) <= kind.max_length and (not pattern or bool(re.search(pattern, text)))


_SAMPLES: Final = {
    "": ("x", "y", "z", ""),
    "commit": tuple(digit * size for digit in "01a" for size in (40, 64)),
    "digest": tuple("sha256:" + digit * 64 for digit in "01a"),
    "email": ("a@example.org", "a@b", "c@d"),
    "timestamp": ("2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
    "uri": ("https://example.org", "a:b", "c:d"),
    "version": ("1.0.0", "0.1.0", "1", "2", "3"),
}
"""Format -> examples of it (a test says so), the plainest first."""


def _passes(text: str, test: TextTest, part: str) -> bool:
    match test:
        case "startsWith":
            return text.startswith(part)
        case "endsWith":
            return text.endswith(part)
        case "contains":
            return part in text


def _valid(text: str, texts: Texts, kind: TextType) -> bool:
    return texts.holds(text) and conforms(text, kind)


def _guesses(texts: Texts, name: str) -> Iterator[str]:
    """Candidates that are right most of the time and cheap to try.

    The longest wanted part comes first: if it is itself an answer, there is no shorter one.
    """
    wanted = sorted((part for _, part in texts.passed), key=lambda part: (-len(part), part))
    yield from wanted[:1]
    if not wanted:
        yield from _SAMPLES.get(name, ())
    elif name:
        yield from _adapted(texts, _SAMPLES.get(name, ()))


def _adapted(texts: Texts, samples: tuple[str, ...]) -> Iterator[str]:
    """Examples of a format with the wanted parts worked in, laid over or added."""
    head, body, tail = _wanted(texts)
    size = len(head) + len(body)
    for sample in samples:
        yield head + body + sample[size : max(len(sample) - len(tail), size)] + tail
        yield head + sample[len(head) :] + body + tail
        yield head + sample + body + tail
    for filler in ("a", "0"):
        yield head + filler + body + tail


def _searched(
    texts: Texts, kind: TextType, max_steps: int, *, budget: Budget
) -> str | Unknown | None:
    found = shortest(_parts(texts), kind.max_length, max_steps=max_steps, budget=budget)
    if isinstance(found, Unknown):
        joined = "".join(_wanted(texts))
        return joined if _valid(joined, texts, kind) else found
    if found is None or _valid(found, texts, kind):
        return found
    return Unknown(f"no text of the format `{kind.format}` was found that fits")


def _wanted(texts: Texts) -> tuple[str, str, str]:
    """What a text must begin with, some text that holds all it must contain, and its end."""
    inside = sorted(part for test, part in texts.passed if test == "contains")
    return _longest(texts, "startsWith"), "".join(inside), _longest(texts, "endsWith")


def _longest(texts: Texts, wanted: TextTest) -> str:
    parts = sorted(part for test, part in texts.passed if test == wanted)
    return max(parts, key=len, default="")


def _aligned(texts: Texts) -> bool:
    """Whether all wanted beginnings are beginnings of the longest one."""
    head = _longest(texts, "startsWith")
    return all(head.startswith(part) for test, part in texts.passed if test == "startsWith")


def _parts(texts: Texts) -> Parts:
    def parts(tests: Tests, wanted: TextTest) -> tuple[str, ...]:
        return tuple(sorted(part for test, part in tests if test == wanted))

    return Parts(
        head=_longest(texts, "startsWith"),
        contains=parts(texts.passed, "contains"),
        ends=parts(texts.passed, "endsWith"),
        not_starts=parts(texts.failed, "startsWith"),
        not_contains=parts(texts.failed, "contains"),
        not_ends=parts(texts.failed, "endsWith"),
        not_equal=tuple(sorted(texts.none_of)),
    )
