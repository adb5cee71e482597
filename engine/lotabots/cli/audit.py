"""`lotabots audit`: verify the audit log, prove entries of it, show them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from lotabots.adapters.files.auditlog import KEY, AuditLogError, read_checkpoint, reader
from lotabots.audit.merkle import ProofError
from lotabots.audit.note import NoteError, open_checkpoint, parse_verifier
from lotabots.audit.proof import check, parse
from lotabots.audit.proof import prove as prove_entry
from lotabots.audit.tiles import WIDTH, TileError
from lotabots.audit.verify import entries_of, verify, verify_since
from lotabots.cli.options import (
    Family,
    color_option,
    fail,
    format_option,
    root_at,
    workspace_option,
)
from lotabots.cli.screen import wants_color
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted
from lotabots.model.names import matches
from lotabots.service.config import read_config
from lotabots.service.folder import StateFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.audit.note import Verifier
    from lotabots.audit.tiles import Read

FINDINGS: Final = 1
FORMAT_VERSION: Final = 1
MOST_FAULTS: Final = 20
_COLORS: Final = {"dec": "cyan", "att": "yellow", "out": "green", "ctl": "magenta"}
# What is shown of a record that is not a decision; of the host's also which door, and of what.
_HOSTED: Final = ("door", "service", "environment", "release")
_OUTCOME: Final = (*_HOSTED, "outcome", "code", "reason", "action")
_REFUSAL: Final = (*_HOSTED, "verb", "status", "error")
_OWN_KEY: Final = (
    "the key is the log's own: this proves that the log is whole, not who wrote it; "
    "keep the key elsewhere and give it with --key"
)

_log = click.option(
    "--log",
    "folder",
    type=click.Path(path_type=Path),
    help="The folder of the log.  [default: .lotabots/audit in the workspace]",
)
_key = click.option(
    "--key",
    metavar="FILE|TEXT",
    help="The key that the log must be signed with.  [default: the one in its folder]",
)


class Log(NamedTuple):
    """A log on disk: its checkpoint, the key it is to be signed with, its files."""

    note: str
    verifier: Verifier
    read: Read
    pinned: bool


@click.group("audit", cls=Family)
def command() -> None:
    """Verify, prove and show the audit log."""


@command.command("verify")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@_key
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older checkpoint: check that nothing it covers was changed or removed.",
)
@format_option
@color_option
@workspace_option
def verify_log(
    folder: Path | None,
    *,
    key: str | None,
    since: Path | None,
    style: str,
    color: str,
    workspace: Path | None,
) -> None:
    """Hash every entry of the log in DIR again and compare with its signed checkpoint.

    Exit codes: 0 whole and unchanged, 1 damaged or signed by somebody else, 2 no log.
    """
    log = _open(folder, key, workspace)
    said: dict[str, Any] = {"version": FORMAT_VERSION, "pinned": log.pinned, "entries": 0}
    faults: list[str] = []
    try:
        report = verify(log.note, log.verifier, log.read)
        faults += report.faults
        said |= {"entries": report.entries, "root": report.checkpoint.root.hex()}
        if since is not None:
            older = _text(since)
            said["since"] = verify_since(older, log.note, log.verifier, log.read).size
    except (NoteError, ProofError, TileError) as error:
        faults.append(str(error))
    said["faults"] = faults
    _tell_verified(said, style=style, colored=wants_color(color))
    sys.exit(FINDINGS if faults else 0)


@command.command("show")
@_log
@_key
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many entries.",
)
@click.option(
    "--subject", metavar="PATTERN", help="Only these, such as `lb.dec.*` or `lb.out.dead.**`."
)
@format_option
@color_option
@workspace_option
def show(
    *,
    folder: Path | None,
    key: str | None,
    last: int,
    subject: str | None,
    style: str,
    color: str,
    workspace: Path | None,
) -> None:
    """Show the newest entries, the oldest of them first. Their proofs are `verify`'s.

    Exit codes: 0 shown, 2 no log, or one that cannot be read.
    """
    log = _open(folder, key, workspace)
    found: list[dict[str, Any]] = []
    try:
        for entry in _newest_first(_size(log), log.read):
            if subject is None or matches(subject, entry["subject"]):
                found.append(entry)
            if len(found) == last:
                break
    except (NoteError, TileError) as error:
        fail(str(error))
    found.reverse()
    if style == "json":
        click.echo(json.dumps({"version": FORMAT_VERSION, "entries": found}, indent=2))
    else:
        for entry in found:
            click.echo(_row(entry, colored=wants_color(color)), color=wants_color(color))


@command.command("prove")
@click.argument("which", metavar="SEQ|EVENT-ID", required=False)
@_log
@_key
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the proof to this file.  [default: standard output]",
)
@click.option(
    "--check",
    "proof",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check the proof in this file instead of making one.",
)
@format_option
@workspace_option
def prove(
    which: str | None,
    *,
    folder: Path | None,
    key: str | None,
    output: Path | None,
    proof: Path | None,
    style: str,
    workspace: Path | None,
) -> None:
    """Prove that an entry is in the log, in a file that needs nothing but the key to be checked.

    The entry is named by its sequence number, or by the id of the event that it decides.
    Exit codes: 0 proved, 1 the proof is wrong, 2 no such entry, no log or no key.
    """
    if (which is None) == (proof is None):
        fail("give either an entry to prove, or --check FILE")
    if proof is not None:
        verifier = _pinned(key) if key else _open(folder, None, workspace).verifier
        _check(_text(proof), verifier, style=style)
        return
    log = _open(folder, key, workspace)
    try:
        index, entry = _entry(str(which), log)
        made = prove_entry(index, log.note, log.verifier, log.read)._replace(extra=entry)
        check(made, entry, log.verifier)
    except (NoteError, ProofError, TileError) as error:
        fail(str(error))
    if output is None:
        click.echo(str(made), nl=False)
    else:
        output.write_text(str(made), encoding="utf-8")


def _open(folder: Path | None, key: str | None, workspace: Path | None) -> Log:
    try:
        place = folder or StateFolder(read_config(root_at(workspace))[0].state).audit
        note = read_checkpoint(place)
        verifier = _pinned(key) if key else parse_verifier(_text(place / KEY))
    except (AuditLogError, NoteError) as error:
        fail(str(error))
    return Log(note, verifier, reader(place), key is not None)


def _pinned(key: str) -> Verifier:
    """The key that is given as text, or is in the file of that name."""
    try:
        return parse_verifier(key if "+" in key else _text(Path(key)))
    except NoteError as error:
        fail(str(error))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{path} is not UTF-8")


def _size(log: Log) -> int:
    return open_checkpoint(log.note, log.verifier).size


def _newest_first(size: int, read: Read) -> Iterator[dict[str, Any]]:
    for first in reversed(range(0, size, WIDTH)):
        entries = list(entries_of(min(size, first + WIDTH), read, first=first))
        for entry in reversed(entries):
            yield _decoded(entry)


def _decoded(entry: bytes) -> dict[str, Any]:
    """An entry for showing; what is not one of ours has nothing in it."""
    try:
        found = json.loads(entry)
    except ValueError:
        found = None
    empty = {"seq": -1, "subject": "", "at": "", "origin": "", "sha256": ""}
    return empty | found if isinstance(found, dict) else empty


def _entry(which: str, log: Log) -> tuple[int, bytes]:
    """The number and bytes of the entry that a sequence or an event id names."""
    size = _size(log)
    if which.isascii() and which.isdecimal():
        index = int(which[:20]) - 1
        if not 0 <= index < size:
            fail(f"the log has no entry {which}; it holds 1 to {size}")
        return index, next(entries_of(size, log.read, first=index))
    found = [
        (index, entry)
        for index, entry in enumerate(entries_of(size, log.read))
        if which.encode() in entry and _decides(_decoded(entry), which)
    ]
    if not found:
        fail(f"the log has no decision on an event `{clean(which)}`")
    if len(found) > 1:
        numbers = ", ".join(str(index + 1) for index, _ in found)
        fail(f"several decisions are on events `{clean(which)}`: name one of {numbers}")
    return found[0]


def _decides(entry: dict[str, Any], event: str) -> bool:
    """Whether an entry is the engine's decision on that event (gates keep records beside it)."""
    decision = (entry.get("record") or {}).get("decision") or {}
    return matches("lb.dec.*", entry["subject"]) and decision.get("event_id") == event


def _check(text: str, verifier: Verifier, *, style: str) -> None:
    try:
        proof = parse(text)
        head = check(proof, proof.extra, verifier)
    except (NoteError, ProofError) as error:
        if style == "json":
            click.echo(json.dumps({"version": FORMAT_VERSION, "fault": str(error)}, indent=2))
        else:
            click.echo(f"not proved: {clean(str(error))}")
        sys.exit(FINDINGS)
    entry = _decoded(proof.extra)
    if style == "json":
        said = {"version": FORMAT_VERSION, "index": proof.entry, "size": head.size, "entry": entry}
        click.echo(json.dumps(said, indent=2))
    else:
        origin = clean(head.origin)
        click.echo(f"proved: entry {proof.entry + 1} of the {head.size} that {origin} signed")
        click.echo(json.dumps(entry, indent=2))


def _tell_verified(said: dict[str, Any], *, style: str, colored: bool) -> None:
    if style == "json":
        click.echo(json.dumps(said, indent=2))
        return
    faults = said["faults"]
    for fault in faults[:MOST_FAULTS]:
        click.echo(click.style("damage", fg="red") + f": {clean(fault)}", color=colored)
    if len(faults) > MOST_FAULTS:
        click.echo(f"... and {len(faults) - MOST_FAULTS} more")
    if not faults:
        word = click.style("whole", fg="green")
        entries = counted(said["entries"], "entry", many="entries")
        click.echo(f"{word}: {entries}, root {said['root']}", color=colored)
        if "since" in said:
            since = counted(said["since"], "entry", many="entries")
            click.echo(f"unchanged since the checkpoint over {since}")
    if not said["pinned"]:
        click.echo(f"note: {_OWN_KEY}")


def _row(entry: dict[str, Any], *, colored: bool) -> str:
    subject = clean(str(entry["subject"]))
    family = subject.split(".")[1] if "." in subject else ""
    painted = click.style(subject, fg=_COLORS.get(family)) if colored else subject
    at = clean(str(entry["at"]))[:19].replace("T", " ")
    return f"{entry['seq']:>8}  {at}  {painted}  {clean(_summary(entry.get('record')))}".rstrip()


def _summary(record: object) -> str:
    """The gist of a record, whichever it is."""
    if not isinstance(record, dict):
        return ""
    decision = record.get("decision")
    if isinstance(decision, dict):
        jobs = " ".join(f"{job['bot']}.{job['action']}" for job in record.get("jobs") or ())
        event = f"{decision.get('event_type', '')} {decision.get('event_id', '')}"
        return f"{event} -> {jobs}" if jobs else event
    if "by" in record and "disabled" in record:
        return _word(record)
    if "by" in record and "again" in record:
        return f"redriven by {record['by']}"
    names = _REFUSAL if record.get("error") else _OUTCOME
    words = (record.get(name) for name in names)
    return " ".join(str(word) for word in words if word)


def _word(record: dict[str, Any]) -> str:
    """What an operator said about a bot, or about the rollout."""
    what = "disabled" if record["disabled"] else "enabled"
    if not record.get("bot"):
        what = record.get("phase") or "as the rules say"
    reason = record.get("reason")
    return f"{what} by {record['by']}{f': {reason}' if reason else ''}"
