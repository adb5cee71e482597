"""docs/formats.md and its JSON Schemas say what `--format json` really prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from formats import closed, objects, schema_of
from lotabots.cli.main import cli
from lotabots.diagnostics.diagnostic import Severity
from lotabots.policy.explain import explain

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
NAMES = ("validate", "decide", "test", "status", "approve", "trace", "why", "dlq", "doctor")
FAULTS = {
    "rules/bots/testbot.yaml": (
        "  - {type: message, event: test.completed, destination: gate.release-staging}\n",
        "",
    ),
    "rules/gates.yaml": ("payload.new == 0", "payload.new == 0 && payload.new == 1"),
    "rules/events.yaml": ("\nevents:\n", "\nevents:\n  x.happened: {dok: x, payload: {}}\n"),
}
"""Each made on top of those before it; the last hides what depends on the events."""


def printed(*words: object, stdin: str | None = None) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words], input=stdin)
    assert done.exit_code in (0, 1, 3), done.output
    return done.stdout


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("rules", "graphs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def break_file(workspace: Path, path: str) -> None:
    old, new = FAULTS[path]
    text = (workspace / path).read_text(encoding="utf-8")
    assert old in text, path
    (workspace / path).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_the_page_has_every_member_of_it(name: str):
    schema = schema_of(name)
    Draft7Validator.check_schema(schema)
    for one in objects(schema):
        for member, about in one["properties"].items():
            assert f"`{member}`" in PAGE, member
            assert about["description"]
    assert f"schemas/{name}.schema.json" in PAGE


def test_reports_of_validate_are_what_the_schema_says(workspace: Path, tmp_path: Path):
    reader = closed("validate")
    (tmp_path / "empty/rules").mkdir(parents=True)
    places = [workspace, ROOT / "examples/seed-config", tmp_path / "empty"]
    reports = [json.loads(printed("validate", "--format", "json", place)) for place in places]
    for path in FAULTS:
        break_file(workspace, path)
        reports.append(json.loads(printed("validate", "--format", "json", workspace)))
    for report in reports:
        reader.validate(report)
    findings = [found for report in reports for found in report["findings"]]
    assert len({found["code"] for found in findings}) > 5
    for member in ("subject", "help", "related", "label"):
        assert any(found[member] for found in findings), f"nothing with `{member}`"


def test_lines_of_decide_are_what_the_schema_says(workspace: Path):
    reader = closed("decide")
    events = sorted((workspace / "examples/events").glob("*.json"))
    said = printed("decide", "-C", workspace, "--format", "json", *events)
    said += printed("decide", "-C", workspace, "--format", "json", "-", stdin="no event")
    said += printed("decide", "-C", workspace, "--format", "json", "--as", "LintBot", events[0])
    for path in FAULTS:
        break_file(workspace, path)
    said += printed("decide", "-C", workspace, "--format", "json", *events)
    scenes = [json.loads(line) for line in said.splitlines()]
    for scene in scenes:
        reader.validate(scene)
    verdicts = [verdict for scene in scenes for verdict in scene["verdicts"]]
    assert {v["verdict"] for v in verdicts} >= {"dispatch", "reject", "wait", "ignore"}
    assert any(scene["caused_by_scene"] is not None for scene in scenes)


def test_reports_of_test_are_what_the_schema_says(workspace: Path):
    reader = closed("test")
    repository = ("test", "-C", workspace, "--format", "json", "--coverage", "-k")
    good = json.loads(printed(*repository, "schedule"))
    printed("init", workspace / "greetings")
    new = ("test", "-C", workspace / "greetings", "--format", "json", "-k", "greeted", "--mutate")
    mutated = json.loads(printed(*new))
    break_file(workspace, "rules/bots/testbot.yaml")
    bad = json.loads(printed(*repository, "staging"))
    for report in (good, mutated, bad):
        reader.validate(report)
    assert good["coverage"]["missed"]
    assert any(one["telling"] for one in mutated["mutants"]["survivors"])
    differences = [found for test in bad["tests"] for found in test["differences"]]
    assert any(found["rule"] for found in differences)


def test_the_schemas_list_every_severity_verdict_and_detail():
    finding = schema_of("validate")["properties"]["findings"]["items"]["properties"]
    assert finding["severity"]["enum"] == [severity.value for severity in Severity]
    verdict = schema_of("decide")["properties"]["verdicts"]["items"]["properties"]
    source = Path(explain.__code__.co_filename).read_text(encoding="utf-8")
    for word in [*verdict["verdict"]["enum"], *verdict["details"]["propertyNames"]["enum"]]:
        assert f'"{word}"' in source, word
