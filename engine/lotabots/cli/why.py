"""`lotabots why`: why something happened to an event or job, or did not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.service import ask

if TYPE_CHECKING:
    from pathlib import Path


@click.command("why")
@click.argument("ident", metavar="ID")
@workspace_option
@format_option
def command(ident: str, *, workspace: Path | None, style: str) -> None:
    """Say what was decided about the event ID (or the event of the job ID), by which rule.

    Also what became of each of its jobs, attempt by attempt.
    """
    spans = ask(workspace, "trace", id=ident)["spans"]
    event = spans[0]
    jobs = [span for span in spans if span["kind"] == "job" and _belongs(span, event)]
    if style == "json":
        click.echo(json.dumps({"event": event, "jobs": jobs}, indent=2))
        return
    click.echo(f"{event['type']} from {event['source']}, id {event['id'] or '(none)'}")
    for verdict in event.get("verdicts", []):
        click.echo(_verdict(verdict))
    for job in jobs:
        click.echo(_job(job))


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
    return f"  {target:20} {verdict['verdict']:12} {code:6} {reason}{place}"


def _job(job: dict[str, Any]) -> str:
    lines = [f"  job {job['job']}: {job['bot']}.{job['action']}"]
    for attempt in job["attempts"]:
        report = attempt.get("report")
        if report is not None:
            said = report["refused"] or report["limit"] or f"exit status {report['status']}"
            lines.append(f"    attempt {attempt['attempt']}: {said}, {report['duration_s']:.2f} s")
            lines += [
                f"      line {v['line']}: {v['code']} {v['reason']}" for v in attempt["violations"]
            ]
    outcome = job.get("outcome")
    if outcome is not None:
        lines.append(f"    {outcome['outcome']} {outcome['code']} {outcome['reason']}".rstrip())
    return "\n".join(lines)
