"""A box: which optional members are present, and in which set the value of each field lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.condition.intervals import Numbers
from lotabots.condition.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.condition.members import Names


class Members(NamedTuple):
    """Lists of text that hold all of `wanted` and none of `refused`."""

    wanted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def meet(self, other: Members) -> Members:
        """The lists in both sets."""
        return Members(self.wanted | other.wanted, self.refused | other.refused)

    @property
    def empty(self) -> bool:
        """Whether no list is in the set, whatever its type."""
        return not self.wanted.isdisjoint(self.refused)


class Flags(NamedTuple):
    """The truth values in `one_of`."""

    one_of: frozenset[bool]

    def meet(self, other: Flags) -> Flags:
        """The truth values in both sets."""
        return Flags(self.one_of & other.one_of)

    @property
    def empty(self) -> bool:
        """Whether no truth value is in the set."""
        return not self.one_of


Values = Numbers | Texts | Members | Flags


class Box(NamedTuple):
    """Events whose members are `present`, or not in `absent`, and whose fields lie in `values`.

    An absent member is one that cannot be reached: it or something on the way to it is missing.
    A field in `values` is present; whoever makes a box says so in `present`.
    """

    present: frozenset[Names]
    absent: frozenset[Names]
    values: Mapping[Names, Values]

    def meet(self, other: Box) -> Box | None:
        """The events in both boxes; None if it is plain that there are none."""
        present, absent = self.present | other.present, self.absent | other.absent
        if not present.isdisjoint(absent):
            return None
        values = dict(self.values)
        for names, wanted in other.values.items():
            both = _both(values[names], wanted) if names in values else wanted
            if both.empty:
                return None
            values[names] = both
        return Box(present, absent, values)


ANYTHING: Final = Box(frozenset(), frozenset(), {})
"""All events."""


def _both(a: Values, b: Values) -> Values:
    match a, b:
        case (Numbers(), Numbers()):
            return a.meet(b)
        case (Texts(), Texts()):
            return a.meet(b)
        case (Members(), Members()):
            return a.meet(b)
        case (Flags(), Flags()):
            return a.meet(b)
        case _:
            # INVARIANT: a path has one type, and each type has one kind of set.
            raise AssertionError((a, b))
