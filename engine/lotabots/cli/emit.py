"""`lotabots emit`: send an event to the running service, as yourself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lotabots.cli.options import fail, workspace_option
from lotabots.cli.sending import check_payload, declared_type, deliver, envelope_of, may_send
from lotabots.service.config import user_source

if TYPE_CHECKING:
    from lotabots.model.event import EventType


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
    declared = None if unchecked else declared_type(workspace, event_type)
    text = _text(payload, declared)
    content = _decoded(text)
    if declared is not None and may_send(declared, sender):
        check_payload(declared, text, cure="`--unchecked` sends it as it is")
    envelope = envelope_of(event_type, content, source=sender, event_id=event_id)
    envelope |= {"destination": destination, "priority": priority}
    if correlation_id is not None:
        envelope["correlation_id"] = correlation_id
    if not envelope["id"].isprintable():
        fail("an id is printable text")
    deliver(workspace, envelope, declared)


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
