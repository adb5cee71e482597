"""What a job asks for, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from policy import Policy


class Task(NamedTuple):
    """A job: the event that started it, and where it remembers. `at`: seconds since 1970."""

    key: str
    at: float
    payload: dict[str, Any]
    state: Path
    relay: str
    until: float
    policy: Policy


class Line(NamedTuple):
    """A line of output."""

    type: str
    payload: dict[str, Any]
