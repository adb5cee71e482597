"""`lotabots why`: why something happened to an event or job, or did not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.screen import terminal_width
from lotabots.cli.service import ask, folder_of
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import spoken

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.files.blobs import BlobStore

LAST_LINES: Final = 5
LEAST: Final = 20
"""Columns that a name may take on the narrowest terminal."""

VERDICTS: Final = ("failure", "error")


@click.command("why")
@click.argument("ident", metavar="ID")
@workspace_option
@format_option
def command(ident: str, *, workspace: Path | None, style: str) -> None:
    """Say what was decided about the event ID (or the event of the job ID), by which rule.

    ID may also be a commit, or its first 7 digits: then it is about the pushes of that commit.
    Also what became of each of its jobs, attempt by attempt, with the end of the log of those
    that went wrong.
    """
    from lotabots.adapters.files.blobs import BlobStore  # noqa: PLC0415 - `--help` needs none

    said = ask(workspace, "trace", id=ident)
    told = asked_about(said)
    if style == "json":
        first, *others = told
        click.echo(json.dumps({"version": said["version"], **first, "others": others}, indent=2))
        return
    store = BlobStore(folder_of(workspace).blobs)
    for one in told:
        click.echo(event_in_words(one["event"], width=terminal_width()))
        for job in one["jobs"]:
            click.echo(job_in_words(job, store))


def asked_about(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that were asked about, by time, each with its own jobs; all else is left out."""
    return [
        {"event": event, "jobs": [job for job in said["spans"] if job.get("event") == token]}
        for token in said["asked"]
        for event in said["spans"]
        if event.get("token") == token
    ]


def event_in_words(event: dict[str, Any], *, width: int) -> str:
    """An event and its verdicts: columns as wide as what they hold, within `width` columns."""
    lines = [f"{event['type']} from {event['source']}, id {event['id'] or '(none)'}"]
    rows = [_verdict(verdict) for verdict in event.get("verdicts", [])]
    most = max(width // 2, LEAST)
    widths = [min(max(map(len, column)), most) for column in zip(*rows, strict=True)]
    for row in rows:
        *cells, last = row
        padded = [f"{cell:{wide}}" for cell, wide in zip(cells, widths[:-1], strict=True)]
        lines.append(f"  {'  '.join(cell for cell in padded if cell)}  {last}".rstrip())
    return "\n".join(map(clean, lines))


def _verdict(verdict: dict[str, Any]) -> tuple[str, str, str, str]:
    """Target, verdict, code, and the reason with the place of the rule."""
    path, line = verdict["rule"]["span"][:2]
    reason = verdict.get("reason") or verdict.get("action", "")
    place = f"  ({path}:{line})" if path else ""
    target = verdict["target"] or "the event"
    return target, spoken(verdict["verdict"]), verdict.get("code", ""), f"{reason}{place}"


def job_in_words(job: dict[str, Any], store: BlobStore) -> str:
    """A job, its attempts and its outcome; of an attempt that went wrong, the end of its log."""
    lines = [f"  job {job['job']}: {job['bot']}.{job['action']}"]
    for attempt in job["attempts"]:
        report = attempt.get("report")
        if report is not None:
            said = report["refused"] or report["limit"] or f"exit status {report['status']}"
            lines.append(f"    attempt {attempt['attempt']}: {said}, {report['duration_s']:.2f} s")
            lines += [
                f"      line {v['line']}: {v['code']} {v['reason']}" for v in attempt["violations"]
            ]
            if report["status"] or report["limit"] or attempt["violations"]:
                lines += _end_of_log(report["log"], store)
    outcome = job.get("outcome")
    if outcome is not None:
        lines.append(f"    {outcome['outcome']} {outcome['code']} {outcome['reason']}".rstrip())
        # Of a fault the code and the reason say enough; a verdict of the bot is in what it emitted.
        if outcome["outcome"] in VERDICTS and not outcome["code"]:
            lines += [
                f"    what it found is in its event: `lotabots why {event} --format json`"
                for event in outcome.get("emitted", ())
            ]
    return "\n".join(map(clean, lines))


def _end_of_log(digest: str, store: BlobStore) -> list[str]:
    """What the bot wrote to standard error, the last lines of it, if that is stored here."""
    from lotabots.adapters.files.blobs import BlobError  # noqa: PLC0415 - as in `command`

    try:
        path = store.path(digest)
        written = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except (BlobError, OSError):
        return []
    more = f" (the last {LAST_LINES} of {len(written)} lines; all: {path})"
    heading = f"      log{more if len(written) > LAST_LINES else ''}"
    return [heading, *(f"      | {line}" for line in written[-LAST_LINES:])]
