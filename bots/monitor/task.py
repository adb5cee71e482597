"""What a job asks for, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Task(NamedTuple):
    """A job: the event that started it, and its folders. `at` is the time of the event."""

    key: str
    at: str
    event: str
    payload: dict[str, Any]
    out: Path
    state: Path
    timeout_s: float


class Line(NamedTuple):
    """A line of output; `artifacts` are files in the output folder."""

    type: str
    payload: dict[str, Any]
    artifacts: tuple[dict[str, str], ...] = ()
