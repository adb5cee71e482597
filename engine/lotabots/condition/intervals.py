"""Sets of exact numbers: an interval, perhaps with single points picked out or left out.

Whole numbers are counted, decimals are dense: between two of them there is always another.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from lotabots.model.event import IntegerType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.condition.expr import Operator
    from lotabots.model.event import NumberType

Number = int | Decimal


class Numbers(NamedTuple):
    """The numbers from `low` to `high` (None = no end; `open` = the end itself is left out).

    Of those only the ones in `one_of`, unless it is None, and none of those in `none_of`.
    """

    low: Number | None = None
    low_open: bool = False
    high: Number | None = None
    high_open: bool = False
    one_of: frozenset[Number] | None = None
    none_of: frozenset[Number] = frozenset()

    def meet(self, other: Numbers) -> Numbers:
        """The numbers in both sets."""
        low, low_open = self.low, self.low_open
        if other.low is not None and (low is None or other.low >= low):
            low, low_open = other.low, other.low_open or (low == other.low and low_open)
        high, high_open = self.high, self.high_open
        if other.high is not None and (high is None or other.high <= high):
            high, high_open = other.high, other.high_open or (high == other.high and high_open)
        one_of = self.one_of
        if other.one_of is not None:
            one_of = other.one_of if one_of is None else one_of & other.one_of
        return Numbers(low, low_open, high, high_open, one_of, self.none_of | other.none_of)

    def holds(self, number: Number) -> bool:
        """Whether `number` is in the set."""
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        if self.high is not None and (
            number > self.high or (self.high_open and number == self.high)
        ):
            return False
        return number not in self.none_of and (self.one_of is None or number in self.one_of)

    @property
    def empty(self) -> bool:
        """Whether it is plain that no number is in the set; `pick` knows for certain."""
        if self.one_of is not None and not any(map(self.holds, self.one_of)):
            return True
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))


def ordered(operator: Operator, number: Number) -> Numbers:
    """The numbers `x` with ``x operator number``."""
    match operator:
        case "==":
            return Numbers(one_of=frozenset((number,)))
        case "!=":
            return Numbers(none_of=frozenset((number,)))
        case "<" | "<=":
            return Numbers(high=number, high_open=operator == "<")
        case ">" | ">=":
            return Numbers(low=number, low_open=operator == ">")


def pick(numbers: Numbers, kind: IntegerType | NumberType) -> Number | None:
    """The plainest number of the set and the type, or None: then there is none."""
    within = numbers.meet(Numbers(low=kind.minimum, high=kind.maximum))
    whole = isinstance(kind, IntegerType)
    if within.one_of is not None:
        named = sorted(int(one) if one == int(one) else one for one in within.one_of)
        fits = (one for one in named if isinstance(one, int) or not whole)
        return next((one for one in fits if within.holds(one)), None)
    if within.empty:
        return None
    if whole and within.holds(0):
        return 0
    candidates = _whole(within) if whole else _dense(within)
    return next((one for one in candidates if within.holds(one)), None)


def _whole(numbers: Numbers) -> Iterator[int]:
    """Whole numbers of the interval from its plainest end on: enough to pass all of `none_of`."""
    low = None if numbers.low is None else _multiple(numbers.low, 0, up=True)
    high = None if numbers.high is None else _multiple(numbers.high, 0, up=False)
    # An open end may itself be whole, hence one candidate more on either side.
    span = len(numbers.none_of) + 3
    if low is not None and low >= 0:
        yield from range(low, low + span)
    elif high is not None and high <= 0:
        yield from range(high, high - span, -1)
    else:
        # Zero lies within. Up first, then down, both as far as could be needed.
        yield from range(span)
        yield from range(-1, -span, -1)


def _dense(numbers: Numbers) -> Iterator[Number]:
    """Decimals of a non-empty interval: its ends, zero, then with ever more digits.

    Each round of the endless part holds more points of the interval than `none_of` has.
    """
    low, high = numbers.low, numbers.high
    if low is not None:
        yield low
    if high is not None:
        yield high
    yield 0
    if low is not None and high is not None and low == high:
        return
    span = len(numbers.none_of) + 3
    digits = 0
    while True:
        if low is not None:
            first, step = _multiple(low, digits, up=True), 1
        else:
            first, step = _multiple(high if high is not None else 0, digits, up=False), -1
        for count in range(span):
            yield _decimal(first + step * count, digits)
        digits += 1


def _multiple(number: Number, digits: int, *, up: bool) -> int:
    """``number * 10**digits``, rounded to a whole number; exact, unlike decimal arithmetic."""
    if isinstance(number, int):
        return number * int(10**digits)
    sign, figures, exponent = number.as_tuple()
    size = int("".join(map(str, figures)))
    shift = int(exponent) + digits
    signed = -size if sign else size
    if shift >= 0:
        return signed * int(10**shift)
    divisor = int(10**-shift)
    return -(-signed // divisor) if up else signed // divisor


def _decimal(scaled: int, digits: int) -> Number:
    """``scaled / 10**digits``, without rounding."""
    if digits == 0:
        return scaled
    figures = tuple(map(int, str(abs(scaled))))
    exact = Decimal((int(scaled < 0), figures, -digits))
    return int(exact) if scaled % 10**digits == 0 else exact
