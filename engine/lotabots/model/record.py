"""The base of everything that a rule file declares: a value that remembers its places.

Values are plain (`str`, `int`, tuples); places stand aside and do not take part in equality, so
two fleets with the same meaning are equal however their files are laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics.span import start_of
from lotabots.frozen import EMPTY, Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span

NOWHERE = start_of("")


class Record(Frozen, kw_only=True, aside=("span", "places")):
    """A declared thing. `places` maps a dotted route below it (``scope.0``) to its place."""

    span: Span = NOWHERE
    places: Mapping[str, Span] = EMPTY

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
