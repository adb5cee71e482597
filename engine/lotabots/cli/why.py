"""`lotabots why`: why something happened to an event or job, or did not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.service import ask, folder_of
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import spoken

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.files.blobs import BlobStore

LAST_LINES: Final = 5
VERDICTS: Final = ("failure", "error")


@click.command("why")
@click.argument("ident", metavar="ID")
@workspace_option
@format_option
def command(ident: str, *, workspace: Path | None, style: str) -> None:
    """Say what was decided about the event ID (or the event of the job ID), by which rule.

    Also what became of each of its jobs, attempt by attempt, with the end of the log of those
    that went wrong.
    """
    from lotabots.adapters.files.blobs import BlobStore  # noqa: PLC0415 - `--help` needs none

    spans = ask(workspace, "trace", id=ident)["spans"]
    event = spans[0]
    jobs = [span for span in spans if span["kind"] == "job" and _belongs(span, event)]
    if style == "json":
        click.echo(json.dumps({"event": event, "jobs": jobs}, indent=2))
        return
    click.echo(f"{event['type']} from {event['source']}, id {event['id'] or '(none)'}")
    for verdict in event.get("verdicts", []):
        click.echo(_verdict(verdict))
    store = BlobStore(folder_of(workspace).blobs)
    for job in jobs:
        click.echo(job_in_words(job, store))


def _belongs(job: dict[str, Any], event: dict[str, Any]) -> bool:
    outcome = job.get("outcome", {})
    return bool(outcome.get("decision", event["token"]) == event["token"])


def _verdict(verdict: dict[str, Any]) -> str:
    rule = verdict["rule"]
    path, line = rule["span"][:2]
    code = verdict.get("code", "")
    reason = verdict.get("reason") or verdict.get("action", "")
    target = verdict["target"] or "the event"
    place = f"  ({path}:{line})" if path else ""
    return clean(f"  {target:20} {spoken(verdict['verdict']):12} {code:6} {reason}{place}")


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
