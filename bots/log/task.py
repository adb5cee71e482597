"""What a job asks for, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Task(NamedTuple):
    """A job: the event that started it (`at`: its time, in UTC), and its folders."""

    key: str
    at: datetime
    payload: dict[str, Any]
    state: Path
    logs: Path
    timeout_s: float


class File(NamedTuple):
    """A file to hand over."""

    path: str
    kind: str
    media_type: str
    text: str


class Line(NamedTuple):
    """A line of output, with its files."""

    type: str
    payload: dict[str, Any]
    files: tuple[File, ...] = ()
