"""The base of everything that a rule file declares: a value that remembers its places.

Values are plain (`str`, `int`, tuples); places stand aside and do not take part in equality, so
two fleets with the same meaning are equal however their files are laid out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from lotabots.diagnostics.span import start_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span

NOWHERE = start_of("")
NO_PLACES: Mapping[str, Span] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A declared thing. `places` maps a dotted route below it (``scope.0``) to its place."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)
    places: Mapping[str, Span] = field(default_factory=lambda: NO_PLACES, compare=False, repr=False)

    def at(self, *route: str | int) -> Span:
        """The place of the value at `route`, or of the nearest enclosing thing that has one.

        A key that is absent from the file points at its parent, so a finding always has a place.
        Route names are those of the file (``from``, not ``source``).
        """
        parts = [str(part) for part in route]
        while parts:
            place = self.places.get(".".join(parts))
            if place is not None:
                return place
            parts.pop()
        return self.span
