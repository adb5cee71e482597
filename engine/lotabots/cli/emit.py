"""`lotabots emit`: send an event to the running service, as yourself."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import click

from lotabots.cli.options import fail, workspace_option
from lotabots.cli.service import folder_of, operator
from lotabots.service.config import user_source


@click.command("emit")
@click.argument("event_type", metavar="TYPE")
@click.argument("payload", default="-")
@workspace_option
@click.option("--as", "source", help="Another source whose credentials you hold.")
@click.option("--to", "destination", default="*", show_default=True, help="One bot, or anybody.")
@click.option(
    "--priority",
    type=click.Choice(["high", "medium", "low"]),
    default="medium",
    show_default=True,
    help="How urgent it is.",
)
@click.option("--id", "event_id", help="The event's id. [default: a random one]")
@click.option("--correlation-id", help="What the event belongs to.")
def command(
    event_type: str,
    payload: str,
    *,
    workspace: Path | None,
    source: str | None,
    destination: str,
    priority: str,
    event_id: str | None,
    correlation_id: str | None,
) -> None:
    """Send an event of TYPE with the JSON object PAYLOAD (`-`: standard input; @FILE: a file).

    The source is you, `cli.<login name>`; the server lets you send only what the catalogue
    allows that source. Prints the id of the event.
    """
    sender = source or user_source()
    envelope: dict[str, Any] = {
        "id": event_id or str(uuid.uuid4()),  # noqa: TID251 - the edge makes ids
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - the edge reads the clock
        "source": sender,
        "destination": destination,
        "type": event_type,
        "payload": _payload(payload),
        "priority": priority,
    }
    if correlation_id is not None:
        envelope["correlation_id"] = correlation_id
    if not envelope["id"].isprintable():
        fail("an id is printable text")
    asyncio.run(_send(workspace, sender, envelope))
    ident: str = envelope["id"]
    click.echo(ident)
    # Standard output is the id alone, for scripts.
    click.echo(f"accepted; `lotabots why {quote(ident)}` says what was decided", err=True)


def _payload(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        fail(f"{text[1:]}: {error.strerror}")
    except ValueError as error:
        fail(f"the payload is not JSON: {error}")


async def _send(workspace: Path | None, source: str, envelope: dict[str, Any]) -> None:
    from lotabots.adapters.nats.publisher import Publisher  # noqa: PLC0415 - asyncio is heavy
    from lotabots.runtime.ports import BusError, Outgoing  # noqa: PLC0415

    client = await operator(folder_of(workspace), source)
    try:
        publisher = Publisher(client, timeout=3.0)
        await publisher.start()
        await publisher.publish(Outgoing(f"ev.{envelope['type']}", json.dumps(envelope).encode()))
    except BusError as error:
        if client.last_error is None:
            fail(f"the server did not answer: {error}")
        fail(
            f"the server refused the event: `{source}` may not send `{envelope['type']}` "
            f"(see `lotabots explain {envelope['type']}`)"
        )
    finally:
        await client.close()
