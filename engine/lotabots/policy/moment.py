"""Moments and durations as whole microseconds, which JSON keeps exactly and which compare fast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST: Final = 10 * 365 * 86_400
"""Ten years in seconds: a longer duration means "for ever", and dates would overflow."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """The UTC time `micros` microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def span_micros(seconds: Decimal | int) -> int:
    """A duration in seconds as microseconds, at most ten years."""
    return int(min(seconds, _LONGEST) * 1_000_000)


def span(seconds: Decimal | int) -> timedelta:
    """A duration in seconds as `timedelta`, at most ten years."""
    return timedelta(microseconds=span_micros(seconds))
