"""`lotabots validate` without options takes a short way; it must not be another command."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run(*arguments: str, at: Path, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, "-m", "lotabots", *arguments]
    return subprocess.run(command, cwd=at, check=False, capture_output=True, text=True)


def sound(_: Path) -> None:
    """Nothing is wrong."""


def with_a_finding(root: Path) -> None:
    (root / "graphs/dependencies.yaml").write_text("edges: [{from: NoBot, to: BuildBot}]\n")


def with_a_program(root: Path) -> None:
    manifest = root / "bots/build/manifest.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('manifest: 1\nbot: BuildBot\nentry_points: {build: {run: ["{bot}"]}}\n')


def without_bots(root: Path) -> None:
    for path in (root / "rules/bots").iterdir():
        path.unlink()


def without_rules(root: Path) -> None:
    (root / "rules").rename(root / "other")


@pytest.mark.parametrize(
    ("make", "code"),
    [(sound, 0), (with_a_finding, 1), (with_a_program, 0), (without_bots, 3), (without_rules, 2)],
)
def test_the_short_way_says_and_ends_as_the_command_line_does(
    workspace: Path, make: Callable[[Path], None], code: int
) -> None:
    make(workspace)
    short = run("validate", at=workspace)
    long = run("validate", "--format", "full", at=workspace)
    assert (short.returncode, short.stdout, short.stderr) == (code, long.stdout, long.stderr)
    assert long.returncode == code


def test_the_short_way_imports_no_command_line(workspace: Path) -> None:
    told = run("validate", str(workspace), at=workspace, flags=("-X", "importtime"))
    assert (told.returncode, told.stdout[-12:]) == (0, "no findings\n")
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "lotabots.cli.proof" in imported
    assert not imported & {"click", "inspect", "lotabots.cli.main"}


@pytest.mark.parametrize("arguments", [["validate", "--help"], ["validate", "a", "b"], ["valdate"]])
def test_everything_else_is_parsed(workspace: Path, arguments: list[str]) -> None:
    told = run(*arguments, at=workspace)
    assert "Usage: " in told.stdout + told.stderr


def test_a_reader_that_goes_away_is_no_error(workspace: Path) -> None:
    with_a_finding(workspace)
    with subprocess.Popen(
        [sys.executable, "-m", "lotabots", "validate"],
        cwd=workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


@pytest.mark.parametrize("options", ["", "--format full"])
@pytest.mark.parametrize(
    ("closed", "said"), [("2>&-", True), ("2>/dev/full", True), (">&-", False), (">&- 2>&-", False)]
)
def test_where_nobody_listens_a_report_is_made_once(
    workspace: Path, options: str, closed: str, *, said: bool
) -> None:
    with_a_finding(workspace)
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m lotabots validate {options} {closed}', sys.executable],
        cwd=workspace,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("`NoBot`") == (1 if said else 0)
