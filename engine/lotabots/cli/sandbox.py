"""``lotabots sandbox``: run a program under a compiled policy, and ask what this host can keep."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from lotabots.adapters.sandbox.launch import run_policy
from lotabots.adapters.sandbox.policy_file import PolicyError, decode
from lotabots.adapters.sandbox.probe import Finding, probe
from lotabots.adapters.sandbox.report import REFUSED_STATUS, Level, RefusedError, Report
from lotabots.cli.options import Family
from lotabots.service.doctor.host import SANDBOX_CURES

_USAGE = 2


@click.group(cls=Family)
def sandbox() -> None:
    """Run programs with nothing but what a policy grants."""


@sandbox.command()
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The compiled policy, JSON.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what happened here, as JSON lines.",
)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default=Level.STRICT.value,
    show_default=True,
    help="How strong the walls are; reduced must be asked for.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(policy_file: Path, report_file: Path | None, level: str, command: tuple[str, ...]) -> None:
    """Run COMMAND under a policy.

    The exit status is the command's own, 128+N after signal N, 137 when a limit ended it, 125 when
    it did not start.
    """
    report = _run(policy_file.read_bytes(), command, Level(level))
    if report_file is not None:
        report_file.write_text(report.lines(), encoding="utf-8")
    for word, reason in (("refused", report.refused), ("limit", report.limit)):
        if reason:
            click.echo(f"{word}: {reason}", err=True)
    sys.exit(report.status)


@sandbox.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to report: for people or for programs.",
)
def doctor(form: str) -> None:
    """Try every level for real; exit 0 when strict holds, 1 when only reduced does, 2 when none."""
    findings = [probe(level) for level in Level]
    if form == "json":
        click.echo(json.dumps([_plain(finding) for finding in findings], indent=2))
    else:
        click.echo("\n".join(line for finding in findings for line in _lines(finding)))
    strict, reduced = findings
    if strict.holds:
        return
    if form == "text":
        click.echo("\n".join(f"help: {cure}" for cure in SANDBOX_CURES))
    sys.exit(1 if reduced.holds else _USAGE)


def _run(data: bytes, command: tuple[str, ...], level: Level) -> Report:
    try:
        policy = decode(data)
        return run_policy(policy, command, stdin=0, stdout=1, stderr=2, level=level)
    except PolicyError as error:
        return _refused(level, "; ".join(error.errors))
    except RefusedError as error:
        return _refused(level, str(error))


def _refused(level: Level, reason: str) -> Report:
    entry = {"kind": "refused", "reason": reason}
    return Report(status=REFUSED_STATUS, level=level, refused=reason, entries=(entry,))


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "level": finding.level.value,
        "holds": finding.holds,
        "reason": finding.reason,
        "facts": dict(finding.facts),
    }


def _lines(finding: Finding) -> list[str]:
    state = "holds" if finding.holds else f"does not hold: {finding.reason}"
    facts = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
    lines = [f"{finding.level.value}: {state}", f"  {facts}"]
    if finding.holds and finding.facts.get("fresh_folders"):
        lines.append("  bubblewrap is older than 0.12: give each run a fresh folder to write to")
    if finding.holds and finding.level is Level.REDUCED:
        lines.append("  does not cover: network grants, a private /proc, other processes' metadata")
    return lines
