"""`lotabots validate`: what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Lotabots = Callable[..., Result]
    Without = Callable[[Path, str], int]

ROOT = Path(__file__).resolve().parents[3]

CLEAN, FINDINGS, USAGE, NOTHING = 0, 1, 2, 3


def test_a_sound_fleet_is_clean_and_says_what_was_looked_at(
    workspace: Path, lotabots: Lotabots
) -> None:
    done = lotabots("validate", workspace)
    assert done.exit_code == CLEAN
    assert done.output.startswith("15 bots, ")
    assert done.output.endswith(": no findings\n")


def test_of_the_events_those_are_counted_that_are_declared(
    workspace: Path, lotabots: Lotabots
) -> None:
    declared = (workspace / "rules/events.yaml").read_text().partition("\nevents:\n")[2]
    names = [line for line in declared.splitlines() if re.match("  [a-z]", line)]
    said = lotabots("validate", workspace).output
    assert f" {len(names)} events, " in said


def test_bots_without_a_program_are_said_below_the_summary_and_are_no_finding(
    workspace: Path, lotabots: Lotabots
) -> None:
    shutil.copytree(ROOT / "bots/lint", workspace / "bots/lint")
    done = lotabots("validate", workspace)
    first, second = done.output.splitlines()
    assert first.endswith(": no findings")
    assert second.startswith("14 bots have no program in `bots`, their jobs would be dead letters")
    assert done.exit_code == CLEAN
    concise = lotabots("validate", workspace, "--format", "concise").output
    assert concise.splitlines() == [first]


def test_a_finding_ends_with_one(workspace: Path, lotabots: Lotabots, without: Without) -> None:
    without(workspace / "graphs/dependencies.yaml", "{from: BuildBot, to: TestBot")
    done = lotabots("validate", workspace, "--format", "concise")
    assert done.exit_code == FINDINGS
    assert "error[LB110]" in done.output


def test_exit_zero_shows_findings_and_ends_with_zero(
    workspace: Path, lotabots: Lotabots, without: Without
) -> None:
    without(workspace / "graphs/dependencies.yaml", "{from: BuildBot, to: TestBot")
    done = lotabots("validate", workspace, "--exit-zero")
    assert done.exit_code == CLEAN
    assert "error[LB110]" in done.output


def test_fail_level_error_lets_warnings_pass(workspace: Path, lotabots: Lotabots) -> None:
    graph = workspace / "graphs/dependencies.yaml"
    graph.write_text(graph.read_text() + "  - {from: LintBot, to: BackupBot}\n")
    assert lotabots("validate", workspace).exit_code == FINDINGS
    assert lotabots("validate", workspace, "--fail-level", "error").exit_code == CLEAN


def test_select_reports_only_what_was_asked_for(
    workspace: Path, lotabots: Lotabots, without: Without
) -> None:
    without(workspace / "graphs/dependencies.yaml", "{from: BuildBot, to: TestBot")
    assert lotabots("validate", workspace, "--select", "LB4").exit_code == CLEAN
    assert lotabots("validate", workspace, "--select", "lb110").exit_code == FINDINGS


def test_json_is_one_document_and_nothing_else(workspace: Path, lotabots: Lotabots) -> None:
    (workspace / "rules/gate.yaml").write_text("gates: []\n")
    done = lotabots("validate", workspace, "--format", "json")
    document = json.loads(done.output)
    assert document["version"] == 1
    assert [found["code"] for found in document["findings"]] == ["LB008"]
    assert document["findings"][0]["name"] == "unexpected-file"


def test_the_rules_folder_means_its_workspace(workspace: Path, lotabots: Lotabots) -> None:
    assert lotabots("validate", workspace / "rules").exit_code == CLEAN


def test_a_folder_without_rules_is_a_usage_error_with_a_cure(
    tmp_path: Path, lotabots: Lotabots
) -> None:
    done = lotabots("validate", tmp_path)
    assert done.exit_code == USAGE
    assert "give the folder that holds `rules`" in done.output


def test_an_empty_fleet_is_never_green(tmp_path: Path, lotabots: Lotabots) -> None:
    (tmp_path / "rules").mkdir()
    done = lotabots("validate", tmp_path, "--exit-zero")
    assert done.exit_code == NOTHING
    assert "nothing was validated" in done.output


def test_the_workspace_around_the_current_folder_is_found(workspace: Path) -> None:
    inside = workspace / "rules" / "bots"
    command = [sys.executable, "-m", "lotabots", "validate"]
    done = subprocess.run(command, cwd=inside, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (CLEAN, "")


@pytest.mark.parametrize("style", ["full", "concise", "json"])
def test_output_in_a_pipe_has_no_colours(workspace: Path, style: str, lotabots: Lotabots) -> None:
    (workspace / "rules/gate.yaml").write_text("gates: []\n")
    assert "\x1b[" not in lotabots("validate", workspace, "--format", style).output


def test_colours_can_be_asked_for(workspace: Path, lotabots: Lotabots) -> None:
    (workspace / "rules/gate.yaml").write_text("gates: []\n")
    assert "\x1b[" in lotabots("validate", workspace, "--color", "always").output


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "lotabots", "explain", "LB101"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == CLEAN


def test_a_misspelt_command_gets_a_suggestion(lotabots: Lotabots) -> None:
    done = lotabots("validat")
    assert done.exit_code == USAGE
    assert "Did you mean `validate`?" in done.output


@pytest.mark.parametrize(
    ("word", "hint"),
    [("LB1O1", "did you mean `LB1"), ("unknown-evnt", "did you mean `unknown-event`?")],
)
def test_a_code_that_does_not_exist_cannot_be_selected(
    workspace: Path, lotabots: Lotabots, word: str, hint: str
) -> None:
    """Else a typo in CI would be green for ever."""
    done = lotabots("validate", workspace, "--select", word)
    assert done.exit_code == USAGE
    assert hint in done.output


def test_codes_are_selected_by_name_too(
    workspace: Path, lotabots: Lotabots, without: Without
) -> None:
    without(workspace / "graphs/dependencies.yaml", "{from: BuildBot, to: TestBot")
    done = lotabots("validate", workspace, "--select", "route-without-edge")
    assert done.exit_code == FINDINGS
    other = lotabots("validate", workspace, "--select", "yaml-syntax")
    assert other.output.endswith(": 1 finding, not selected\n")


def test_a_full_disk_is_told_without_a_traceback(workspace: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        command = [sys.executable, "-m", "lotabots", "validate", str(workspace)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == USAGE
    assert done.stderr == "error: no space left on device; make room, or choose another place\n"


def test_a_place_that_cannot_be_written_is_told(workspace: Path) -> None:
    place = workspace / "none" / "fleet.svg"
    command = [sys.executable, "-m", "lotabots", "graph", "-C", str(workspace), "-o", str(place)]
    done = subprocess.run(
        [*command, "--format", "svg"], capture_output=True, text=True, check=False
    )
    assert done.returncode == USAGE
    assert done.stderr.startswith(f"error: {place}: no such file or directory")
