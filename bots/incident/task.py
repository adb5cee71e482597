"""What a job asks for, and what it says."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

SHORT = 10


class Task(NamedTuple):
    """A job: the event that started it, and its folders. `at` is the event's time, in UTC.

    `responders` is the folder of the escalation policy; None for actions that ask nobody.
    """

    action: str
    event_id: str
    event: str
    source: str
    at: str
    payload: dict[str, Any]
    state: Path
    responders: Path | None = None

    @property
    def key(self) -> str:
        """The same for the same event, in whichever job it comes again."""
        return sha256(f"{self.source}\0{self.event_id}\0{self.action}".encode()).hexdigest()

    @property
    def incident_id(self) -> str:
        """What an incident is called that this event opens."""
        return f"INC-{self.at[:10].replace('-', '')}-{self.key[:SHORT]}"


class File(NamedTuple):
    """A file to hand over."""

    path: str
    kind: str
    media_type: str
    text: str

    @property
    def digest(self) -> str:
        """As the engine will name it."""
        return f"sha256:{sha256(self.text.encode()).hexdigest()}"


class Line(NamedTuple):
    """A line of output, with its files."""

    type: str
    payload: dict[str, Any]
    files: tuple[File, ...] = ()
