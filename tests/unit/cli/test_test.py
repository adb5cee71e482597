"""`lotabots test`: exit codes, selection, reports."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]

PASSED, FAILED, USAGE, NOTHING = 0, 1, 2, 3


@pytest.fixture
def failing(workspace: Path) -> Path:
    """A workspace with a rule that its tests do not expect."""
    path = workspace / "rules/bots/testbot.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('payload.outcome == "success"', 'payload.outcome == "failure"'))
    return workspace


def test_the_tests_of_this_repository_pass(workspace: Path, lotabots: Lotabots):
    done = lotabots("test", "-C", workspace)
    assert done.exit_code == PASSED, done.output
    assert done.output.endswith("all pass\n")


def test_a_changed_rule_fails_the_tests_that_say_otherwise(failing: Path, lotabots: Lotabots):
    done = lotabots("test", "-C", failing)
    assert done.exit_code == FAILED
    assert "error: `TestBot`: expected `dispatch run-tests`, got `ignore LR301`\n" in done.output
    assert "  --> rules/tests/pipeline.yaml:" in done.output
    assert "  ::: rules/bots/testbot.yaml:" in done.output
    assert '= note: payload.outcome is "success"\n' in done.output


def test_no_change_is_tried_while_a_test_fails(failing: Path, lotabots: Lotabots):
    done = lotabots("test", "-C", failing, "-k", "that succeeded", "--mutate")
    assert done.exit_code == FAILED
    assert "no change of the rules is tried while a test fails\n" in done.output
    assert "that a test notices" not in done.output


def test_nothing_collected_is_no_success(workspace: Path, lotabots: Lotabots):
    assert lotabots("test", "-C", workspace, "-k", "no such test").exit_code == NOTHING
    shutil.rmtree(workspace / "rules/tests")
    done = lotabots("test", "-C", workspace)
    assert (done.exit_code, done.output) == (
        NOTHING,
        "nothing was tested: there is no test in rules/tests\n",
    )


def test_tests_are_chosen_by_file_and_by_words(workspace: Path, lotabots: Lotabots):
    path = workspace / "rules/tests/refusals.yaml"
    done = lotabots("test", "-C", workspace, path, "-k", "SPEAKS", "--verbose")
    assert done.output == (
        "pass  rules/tests/refusals.yaml:4  nobody speaks for somebody else\n\n"
        "1 test in 1 file: all pass\n"
    )
    wrong = lotabots("test", "-C", workspace, workspace / "rules/fleet.yaml")
    assert wrong.exit_code == USAGE
    assert "no file of policy tests; they are `rules/tests/<name>.yaml`" in wrong.output


def test_a_faulty_test_file_is_reported_and_nothing_is_run(workspace: Path, lotabots: Lotabots):
    path = workspace / "rules/tests/refusals.yaml"
    path.write_text(path.read_text().replace("expect: reject LR005", "expect: reject LR0005", 1))
    done = lotabots("test", "-C", workspace)
    assert done.exit_code == FAILED
    assert "error[LB007]: expected the code of a verdict `reject`, found" in done.output
    assert "test" not in done.output.splitlines()[-1].split()[:2]


def test_validate_finds_the_mistakes_of_tests_and_other_commands_do_not_mind(
    workspace: Path, lotabots: Lotabots
):
    path = workspace / "rules/tests/refusals.yaml"
    path.write_text(path.read_text().replace("event: build.started", "event: build.startet", 1))
    found = lotabots("validate", "-C", workspace, "--format", "concise")
    assert found.exit_code == FAILED
    assert "error[LB801] unknown event `build.startet`" in found.output
    event = workspace / "examples/events/01-change-pushed.json"
    assert "warning" not in lotabots("decide", "-C", workspace, event).output


def test_programs_get_json_and_junit(failing: Path, lotabots: Lotabots):
    done = lotabots("test", "-C", failing, "--format", "json", "--coverage")
    said = json.loads(done.stdout)
    failed = [one for one in said["tests"] if not one["passed"]]
    assert done.exit_code == FAILED
    assert said["summary"] == {"tests": len(said["tests"]), "failed": len(failed)}
    assert failed[0]["differences"][0]["rule"]["path"].startswith("rules/")
    assert said["coverage"]["points"] >= said["coverage"]["reached"] > 0
    document = ET.fromstring(lotabots("test", "-C", failing, "--format", "junit").stdout)  # noqa: S314 - our own
    assert document.get("failures") == str(len(failed))
    assert len(document.findall("testsuite/testcase/failure")) == len(failed)


def test_coverage_can_be_demanded(workspace: Path, lotabots: Lotabots):
    one = ("test", "-C", workspace, "-k", "a push starts")
    done = lotabots(*one, "--coverage")
    assert done.exit_code == PASSED
    assert (
        "  rules/bots/testbot.yaml:27: TestBot does `run-tests` by `build.completed`\n"
        in done.output
    )
    assert lotabots(*one, "--fail-under", 90).exit_code == FAILED
    assert lotabots("test", "-C", workspace, "--fail-under", 95).exit_code == PASSED


def test_tests_of_rules_with_errors_say_so(workspace: Path, lotabots: Lotabots):
    (workspace / "rules/bots/testbot.yaml").write_text("bot: {name: TestBot}\nnonsense: 1\n")
    done = lotabots("test", "-C", workspace, "-k", "a build that succeeded")
    assert done.exit_code == FAILED
    assert "warning: the rules have errors (LB" in done.output
