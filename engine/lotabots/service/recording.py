"""Keeps the record of events that bots may read as ``{system-state}``, where rules ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.adapters.clock import SystemClock
from lotabots.adapters.files.record import RecordFolder
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.scan import Scanner
from lotabots.runtime.scribe import PLACE, Scribe, kept_types

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.client import Client

    from lotabots.model.fleet import Fleet

FOLDER: Final = "record"
AUDIT_PLACE: Final = "audit"
"""The placeholder by which a grant names the audit log."""


def state_places(state: Path) -> dict[str, Path]:
    """What the service keeps in its state folder for bots to read: the record, the audit log."""
    places = {PLACE: state / FOLDER, AUDIT_PLACE: state / "audit"}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    return places


def scribe_of(client: Client, state: Path, fleet: Fleet) -> Scribe:
    """The scribe of the service with this state folder; `client` may read the events' stream.

    Raises:
        RecordError: what is there is no record of ours.
    """
    return Scribe(
        kept_types(fleet),
        reads=Reader(client),
        history=Scanner(client),
        sink=RecordFolder(state / FOLDER),
        clock=SystemClock(),
    )
