"""`lotabots emit`: send an event to the running service, as yourself."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from lotabots.cli.options import fail, root_at, workspace_option
from lotabots.cli.service import folder_of, operator
from lotabots.service.config import user_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.model.event import EventType

MISFIT: Final = 1
EVENTS: Final = "rules/events.yaml"


@click.command("emit")
@click.argument("event_type", metavar="TYPE")
@click.argument("payload", required=False)
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
@click.option(
    "--unchecked", is_flag=True, help="Send it as it is: the service decides what fits its rules."
)
def command(  # noqa: PLR0913 - one for each option
    event_type: str,
    payload: str | None,
    *,
    workspace: Path | None,
    source: str | None,
    destination: str,
    priority: str,
    event_id: str | None,
    correlation_id: str | None,
    unchecked: bool,
) -> None:
    """Send an event of TYPE with the JSON object PAYLOAD (`-`: standard input; @FILE: a file).

    The source is you, `cli.<login name>`; the server lets you send only what the catalogue
    allows that source. Prints the id of the event.

    Exit codes: 0 accepted, 1 the payload does not fit its type, 2 usage or configuration.
    """
    sender = source or user_source()
    declared = None if unchecked else _declared(workspace, event_type)
    text = _text(payload, declared)
    content = _decoded(text)
    if declared is not None and _may_send(declared, sender):
        _check(declared, text)
    envelope: dict[str, Any] = {
        "id": event_id or str(uuid.uuid4()),  # noqa: TID251 - the edge makes ids
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - the edge reads the clock
        "source": sender,
        "destination": destination,
        "type": event_type,
        "payload": content,
        "priority": priority,
    }
    if correlation_id is not None:
        envelope["correlation_id"] = correlation_id
    if not envelope["id"].isprintable():
        fail("an id is printable text")
    asyncio.run(_send(workspace, envelope, declared))
    ident: str = envelope["id"]
    click.echo(ident)
    # Standard output is the id alone, for scripts.
    click.echo(f"accepted; `lotabots why {quote(ident)}` says what was decided", err=True)


def _declared(workspace: Path | None, name: str) -> EventType | None:
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


def _unknown(name: str, known: Iterable[str]) -> NoReturn:
    from lotabots.cli.near import did_you_mean, near  # noqa: PLC0415 - only on the way out

    found = near(name, known, cutoff=0.6)
    fail(
        f"no such event: `{name}`; "
        + (did_you_mean(found) if found else f"all that can happen stands in {EVENTS}")
    )


def _text(given: str | None, declared: EventType | None) -> str:
    """The payload as it was given: as an argument, in a file or on standard input."""
    if given is None and sys.stdin.isatty():
        fail(_expected("no payload was given", declared))
    if given in (None, "-"):
        if sys.stdin.isatty():
            click.echo("reading the payload, a JSON object, from here; Ctrl-D ends it", err=True)
        text = sys.stdin.read()
        if not text.strip():
            fail(_expected("the payload is empty: nothing came on standard input", declared))
        return text
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except OSError as error:
        fail(f"{given[1:]}: {error.strerror}")
    except ValueError:
        fail(f"{given[1:]}: not UTF-8")


def _expected(fault: str, declared: EventType | None) -> str:
    """`fault`, the ways to give a payload, and what belongs into it."""
    cure = f"{fault}; give a JSON object, `@FILE`, or `-` to read standard input"
    if declared is None:
        return cure
    from lotabots.service.describe import payload_lines  # noqa: PLC0415 - only on the way out

    members = payload_lines(declared)
    listed = "".join(f"\n  {line}" for line in members) or " no members: `{}`"
    return f"{cure}\n`{declared.name}` has{listed}"


def _decoded(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        fail(f"the payload is not JSON: {error}")


def _may_send(declared: EventType, source: str) -> bool:
    from lotabots.model.names import matches  # noqa: PLC0415 - not for `--help`

    return any(matches(pattern, source) for pattern in declared.emitters)


def _check(declared: EventType, text: str) -> None:
    """End with 1 if the payload is not what the rules of this workspace declare."""
    from lotabots.policy.payload import PayloadError, Readers  # noqa: PLC0415 - not for `--help`

    try:
        Readers().reader(declared.payload).read(text.encode())
    except (PayloadError, UnicodeEncodeError) as error:
        place = "" if str(error).startswith("`payload") else "`payload`: "
        fail(
            f"the payload does not fit `{declared.name}`: {place}{error}\n"
            f"help: `lotabots explain {declared.name}` lists its members; "
            "`--unchecked` sends it as it is",
            MISFIT,
        )


async def _send(
    workspace: Path | None, envelope: dict[str, Any], declared: EventType | None
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
            f"{_who_may(declared, source)} (see `lotabots explain {kind}`)"
        )
    finally:
        await client.close()


def _who_may(declared: EventType | None, source: str) -> str:
    if declared is None or not declared.emitters or _may_send(declared, source):
        return ""
    return f", only {', '.join(f'`{name}`' for name in declared.emitters)} may"
