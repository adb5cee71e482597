"""`lotabots approve`: give the word that a gate waits for, or list what waits for one."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import fail, format_option, workspace_option
from lotabots.cli.sending import check_payload, declared_type, deliver, envelope_of
from lotabots.cli.service import NOT_FOUND, ask
from lotabots.cli.waiting import approve_command, gate_line, key_lines
from lotabots.diagnostics.terminal import clean
from lotabots.service.config import user_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPROVER: Final = "approver"
"""A member of an approval that is filled with the name of who types."""


@click.command("approve")
@click.argument("words", nargs=-1, metavar="[GATE] [KEY]...")
@workspace_option
@click.option("--as", "source", help="Another source whose credentials you hold.")
@click.option("--comment", help="Why: the payload's member `comment`.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further member of the payload.",
)
@click.option("--yes", is_flag=True, help="Do not ask when the gate was not named.")
@format_option
def command(
    words: tuple[str, ...],
    *,
    workspace: Path | None,
    source: str | None,
    comment: str | None,
    settings: tuple[str, ...],
    yes: bool,
    style: str,
) -> None:
    """Approve what waits at GATE for a person; without arguments, list what does.

    KEY is a value of the key that waits, such as a commit, or its first 7 characters or more.
    All words together must name one key that waits, or nothing is sent.

    The event is the one that the gate waits for, from you, `cli.<login name>`; its payload is
    filled from the key and the condition of the gate, and a member `approver` with your name.

    Exit codes: 0 accepted, 1 nothing waits that is called so, 2 usage or configuration.
    """
    said = ask(workspace, "approvals", source=source, words=list(words))
    if not words:
        click.echo(json.dumps(said, indent=2) if style == "json" else in_words(said))
        return
    row = _only(said, words)
    given = [("comment", comment)] if comment is not None else []
    sender = source or user_source()
    payload = filled(row, [*given, *map(_setting, settings)], sender=sender)
    declared = declared_type(workspace, row["approval"]["event"])
    if declared is not None:
        check_payload(declared, json.dumps(payload), cure="`--set NAME=VALUE` adds one")
    if row["name"][0] not in words and row["gate"] not in words and not yes:
        _confirm(row)
    deliver(workspace, envelope_of(row["approval"]["event"], payload, source=sender), declared)


def in_words(said: dict[str, Any]) -> str:
    """Everything that waits for a person, with what to type."""
    lines = list(_listed(said["approvals"]))
    if said["left_out"]:
        lines.append(f"({said['left_out']} more left out)")
    if said["gates_behind"]:
        lines.append("not all events were read for this yet; ask again")
    return "\n".join(lines) or "nothing waits for a person"


def filled(row: dict[str, Any], given: list[tuple[str, Any]], *, sender: str) -> dict[str, Any]:
    """The payload that approves `row`; ends with 2 if something is missing.

    What is settled by the key and the gate cannot be said otherwise.
    """
    approval = row["approval"]
    needs = list(approval["needs"])
    payload: dict[str, Any] = json.loads(json.dumps(approval["payload"]))
    if APPROVER in needs:
        given = [(APPROVER, sender.partition(".")[2]), *given]
    for path, value in given:
        _put(payload, path, value)
    missing = [path for path in needs if path not in {name for name, _ in given}]
    if missing:
        more = " ".join(f"--set {path}=VALUE" for path in missing)
        fail(f"`{approval['event']}` says more than what waits: add {more}")
    return payload


def _only(said: dict[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    """The one row that was found; ends with 1 if there is none, with 2 if there are more."""
    rows: list[dict[str, Any]] = said["approvals"]
    called = " ".join(words)
    if len(rows) == 1:
        return rows[0]
    if rows:
        click.echo("\n".join(_listed(rows)), err=True)
        fail(f"{len(rows) + said['left_out']} that wait are called `{clean(called)}`; say which")
    click.echo(f"nothing that is called `{clean(called)}` waits for a person", err=True)
    if said["near"]:
        click.echo("what looks most like it:", err=True)
        click.echo("\n".join(_listed(said["near"])), err=True)
    elif said["gates_behind"]:
        click.echo("not all events were read for this yet; ask again", err=True)
    else:
        click.echo("`lotabots approve` lists what waits", err=True)
    sys.exit(NOT_FOUND)


def _listed(rows: list[dict[str, Any]]) -> Iterator[str]:
    for _, found in groupby(rows, key=lambda row: row["gate"]):
        same = list(found)
        yield clean(gate_line(same[0]))
        yield from (f"  {clean(line)}" for row in same for line in key_lines(row))


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        fail(f"`{text}` is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # text, which needs no quotes


def _put(payload: dict[str, Any], path: str, value: Any) -> None:  # noqa: ANN401 - JSON
    *way, last = path.split(".")
    inside: Any = payload
    for name in way:
        inside = inside.setdefault(name, {}) if isinstance(inside, dict) else None
    if not isinstance(inside, dict):
        fail(f"`{path}` is not a member: what is before the last dot is a value")
    if inside.get(last, value) != value:
        fail(f"`{path}` is settled by what waits: it is {json.dumps(inside[last])}")
    inside[last] = value


def _confirm(row: dict[str, Any]) -> None:
    """Ask whether this is what was meant; where nobody can be asked, end with 2."""
    click.echo("\n".join(_listed([row])), err=True)
    if not sys.stdin.isatty():
        fail(f"name the gate as well, `{clean(approve_command(row))}`, or say `--yes`")
    if not click.confirm("approve this?", err=True):
        sys.exit(NOT_FOUND)
