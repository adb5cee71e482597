"""`lotabots test`: run the policy tests of a workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from lotabots.cli.options import (
    color_option,
    fail,
    workspace_at,
    workspace_option,
)
from lotabots.cli.screen import terminal_width, wants_color
from lotabots.diagnostics import render_text
from lotabots.diagnostics.diagnostic import Severity
from lotabots.diagnostics.words import counted
from lotabots.model.layout import TESTS_FOLDER, is_test_file

if TYPE_CHECKING:
    from lotabots.model.trial import Trial, TrialFile
    from lotabots.service.workspace import Workspace
    from lotabots.trials.report import Report

FAILED: Final = 1
NOTHING_COLLECTED: Final = 3
MAX_NAMED: Final = 5
"""Codes that the warning about faulty rules names."""


class Chosen(NamedTuple):
    """A test that is to be run, and its file."""

    file: TrialFile
    trial: Trial


@click.command("test")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1)
@workspace_option
@click.option("-k", "words", metavar="TEXT", help="Run only tests with this in file or name.")
@click.option("-v", "--verbose", is_flag=True, help="Name the tests that pass, too.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "json", "junit"]),
    default="full",
    show_default=True,
    help="How to report: for people, or a document for programs.",
)
@click.option("--coverage", "covering", is_flag=True, help="Say which rules no test asks.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail if the tests ask a smaller share of the rules (implies --coverage).",
)
@click.option("--mutate", is_flag=True, help="Say which changes of the rules no test notices.")
@color_option
def command(  # noqa: PLR0913 - one for each option
    paths: tuple[Path, ...],
    *,
    workspace: Path | None,
    words: str | None,
    verbose: bool,
    style: str,
    covering: bool,
    fail_under: float | None,
    mutate: bool,
    color: str,
) -> None:
    """Run the policy tests in PATHS (default: all in rules/tests).

    Nothing is started: the code that decides in production decides about the events of each test.

    Exit codes: 0 all pass, 1 a test fails or its file has findings, 2 usage, 3 no test was found.
    """
    # The code that decides costs more to import than `--help` may take.
    from lotabots.trials import report as reports  # noqa: PLC0415

    opened = workspace_at(workspace, tests=True)
    chosen = _named(_in_paths(opened, paths), words)
    _refuse_faulty(opened, color=color)
    if not chosen:
        said = f" with `{words}`" if words else f" in {TESTS_FOLDER}"
        click.echo(f"nothing was tested: there is no test{said}", err=True)
        sys.exit(NOTHING_COLLECTED)
    report = _tested(opened, chosen, covering=covering or fail_under is not None, mutate=mutate)
    colored = wants_color(color)
    if style == "full":
        width = terminal_width()
        said = reports.text(report, opened.files, color=colored, width=width, verbose=verbose)
    else:
        said = reports.document(report) if style == "json" else reports.junit(report)
    click.echo(said, nl=False, color=colored)
    short = report.coverage is not None and report.coverage.percent < (fail_under or 0)
    if short:
        click.echo(f"error: fewer rules are asked than --fail-under {fail_under:g} %", err=True)
    sys.exit(FAILED if report.failed or short else 0)


def _in_paths(opened: Workspace, paths: tuple[Path, ...]) -> list[Chosen]:
    """The tests in the files and folders named; all without a name."""
    wanted: set[str] = set()
    for path in paths:
        given = path.resolve()
        files = {f.path for f in opened.trials if (opened.root / f.path).is_relative_to(given)}
        if not files:
            fail(f"{path}: no file of policy tests; they are `{TESTS_FOLDER}/<name>.yaml`")
        wanted |= files
    return [
        Chosen(file, trial)
        for file in opened.trials
        if not paths or file.path in wanted
        for trial in file.trials
    ]


def _named(chosen: list[Chosen], words: str | None) -> list[Chosen]:
    wanted = (words or "").lower()
    return [one for one in chosen if wanted in f"{one.file.path} {one.trial.name}".lower()]


def _refuse_faulty(opened: Workspace, *, color: str) -> None:
    """End with the findings in test files: a test that is not understood tests nothing.

    Errors of the rules are another matter: what depends on them is refused, as in production, and
    tests say so better than we could.
    """
    found = opened.checked.diagnostics
    faults = [d for d in found if is_test_file(d.primary.span.path)]
    if faults:
        width, colored = terminal_width(), wants_color(color)
        shown = render_text.render(faults, opened.files, color=colored, width=width)
        click.echo(shown, nl=False, color=colored)
        sys.exit(FAILED)
    worse = [d for d in found if d.severity is Severity.ERROR]
    if worse:
        codes = ", ".join(sorted({d.code for d in worse})[:MAX_NAMED])
        click.echo(f"warning: the rules have errors ({codes}; see `lotabots validate`)", err=True)
        sys.stderr.flush()


def _tested(opened: Workspace, chosen: list[Chosen], *, covering: bool, mutate: bool) -> Report:
    from lotabots.trials.coverage import coverage  # noqa: PLC0415 - see above
    from lotabots.trials.report import Report  # noqa: PLC0415
    from lotabots.trials.run import bench, run  # noqa: PLC0415

    on = bench(opened.checked)
    ran = tuple(run(on, file, trial) for file, trial in chosen)
    report = Report(ran, coverage(on, ran) if covering else None)
    if not mutate:
        return report
    if report.failed:
        click.echo("no change of the rules is tried while a test fails", err=True)
        return report
    from lotabots.trials.mutants import mutants, survives  # noqa: PLC0415 - wanted by it alone

    changed = tuple(mutants(opened.checked.fleet))
    click.echo(
        f"trying {counted(len(changed), 'change')} of the rules, one at a time ...", err=True
    )
    survivors = tuple(mutant for mutant in changed if survives(mutant, chosen))
    return report._replace(tried=len(changed), survivors=survivors)
