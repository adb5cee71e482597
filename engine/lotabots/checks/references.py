"""Names that nothing declares: one finding for each name, however often it is used."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lotabots.diagnostics.diagnostic import Label
from lotabots.diagnostics.words import counted
from lotabots.model.codec.codec import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from lotabots.checks.base import CheckInfo
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.model.record import Record

SHOWN = 5
"""More places than this are counted, not shown."""

GUESSED = 20
"""For this many names a similar one is looked up; that is slow, and more are no misspelling."""


class Use(NamedTuple):
    """`name` stands in `rule` at `route`. The place is looked up only if the name is unknown."""

    name: str
    rule: Record
    route: tuple[str | int, ...]


def unknown(
    info: CheckInfo,
    what: str,
    uses: Iterable[Use],
    *,
    known: Collection[str],
    cure: str,
) -> Iterator[Diagnostic]:
    """One finding per name in `uses` that is not in `known`; `cure` says how to declare it."""
    places: dict[str, list[Span]] = defaultdict(list)
    for name, rule, route in uses:
        if name not in known:
            places[name].append(rule.at(*route))
    for number, (name, spans) in enumerate(places.items()):
        close = did_you_mean(name, known) if number < GUESSED else ""
        first, *others = sorted(spans)
        more = len(others) - SHOWN
        yield info.at(
            Label(first, "not declared"),
            f"unknown {what} `{name}`",
            subject=name,
            related=tuple(Label(span, "also used here") for span in others[:SHOWN]),
            help=_cure(close, cure),
            notes=(f"used at {counted(more, 'more place')}",) if more > 0 else (),
        )


def _cure(close: str, cure: str) -> str:
    """A similar name is a guess, so the other way out is always said."""
    return f"{close} otherwise {cure}" if close else cure
