"""Sending an event as a person: what is checked here before the service is asked."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from lotabots.cli.options import fail, root_at
from lotabots.cli.service import folder_of, operator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lotabots.model.event import EventType

MISFIT: Final = 1
EVENTS: Final = "rules/events.yaml"


def declared_type(workspace: Path | None, name: str) -> EventType | None:
    """What the rules say about events of that type; None if their catalogue cannot be read."""
    from lotabots.adapters.files.workspace import (  # noqa: PLC0415 - not for `--help`
        WorkspaceError,
        read_workspace,
    )
    from lotabots.model.load import load  # noqa: PLC0415

    try:
        fleet = load(read_workspace(root_at(workspace))).fleet
    except WorkspaceError as error:
        fail(str(error))
    if name not in fleet.events and EVENTS not in fleet.broken:
        _unknown(name, fleet.events)
    return fleet.events.get(name)


def may_send(event_type: EventType, source: str) -> bool:
    """Whether the catalogue allows events of that type from `source`."""
    from lotabots.model.names import matches  # noqa: PLC0415 - not for `--help`

    return any(matches(pattern, source) for pattern in event_type.emitters)


def check_payload(event_type: EventType, text: str, *, cure: str) -> None:
    """End with 1, and the `cure`, if the payload is not what the rules here declare."""
    from lotabots.policy.payload import PayloadError, Readers  # noqa: PLC0415 - not for `--help`

    try:
        Readers().reader(event_type.payload).read(text.encode())
    except (PayloadError, UnicodeEncodeError) as error:
        place = "" if str(error).startswith("`payload") else "`payload`: "
        fail(
            f"the payload does not fit `{event_type.name}`: {place}{error}\n"
            f"help: `lotabots explain {event_type.name}` lists its members; {cure}",
            MISFIT,
        )


def envelope_of(
    event_type: str, payload: object, *, source: str, event_id: str | None = None
) -> dict[str, Any]:
    """An event of now, from `source` to anybody; with a random id if none is given."""
    return {
        "id": event_id or str(uuid.uuid4()),  # noqa: TID251 - the edge makes ids
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - the edge reads the clock
        "source": source,
        "destination": "*",
        "type": event_type,
        "payload": payload,
        "priority": "medium",
    }


def deliver(workspace: Path | None, envelope: dict[str, Any], event_type: EventType | None) -> None:
    """Send the event and say its id; ends with 2 if the server does not take it."""
    asyncio.run(_send(workspace, envelope, event_type))
    ident: str = envelope["id"]
    click.echo(ident)
    # Standard output is the id alone, for scripts.
    click.echo(f"accepted; `lotabots why {quote(ident)}` says what was decided", err=True)


def _unknown(name: str, known: Iterable[str]) -> NoReturn:
    from lotabots.cli.near import did_you_mean, near  # noqa: PLC0415 - only on the way out

    found = near(name, known, cutoff=0.6)
    fail(
        f"no such event: `{name}`; "
        + (did_you_mean(found) if found else f"all that can happen stands in {EVENTS}")
    )


async def _send(
    workspace: Path | None, envelope: dict[str, Any], event_type: EventType | None
) -> None:
    from lotabots.adapters.nats.publisher import Publisher  # noqa: PLC0415 - asyncio is heavy
    from lotabots.runtime.ports import BusError, Outgoing  # noqa: PLC0415

    source, kind = envelope["source"], envelope["type"]
    client = await operator(folder_of(workspace), source)
    try:
        publisher = Publisher(client, timeout=3.0)
        await publisher.start()
        await publisher.publish(Outgoing(f"ev.{kind}", json.dumps(envelope).encode()))
    except BusError as error:
        if client.last_error is None:
            fail(f"the server did not answer: {error}")
        fail(
            f"the server refused the event: `{source}` may not send `{kind}`"
            f"{_who_may(event_type, source)} (see `lotabots explain {kind}`)"
        )
    finally:
        await client.close()


def _who_may(event_type: EventType | None, source: str) -> str:
    if event_type is None or not event_type.emitters or may_send(event_type, source):
        return ""
    return f", only {', '.join(f'`{name}`' for name in event_type.emitters)} may"
