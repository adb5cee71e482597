"""`lotabots decide`, and what one removed line changes about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]
    Without = Callable[[Path, str], int]

ALLOWED, REFUSED, USAGE = 0, 1, 2


def verdicts(done: Result, target: str) -> list[dict[str, object]]:
    scenes = [json.loads(line) for line in done.stdout.splitlines()]
    return [v for scene in scenes for v in scene["verdicts"] if v["target"] == target]


def test_a_push_starts_the_bots_that_wait_for_it(workspace: Path, lotabots: Lotabots) -> None:
    event = workspace / "examples/events/01-change-pushed.json"
    done = lotabots("decide", "-C", workspace, event)
    assert done.exit_code == ALLOWED
    assert "`BuildBot` does `build`" in done.output
    assert done.output.endswith("1 event: 5 dispatch\n")


def test_a_story_completes_a_gate_whose_event_is_decided_too(
    workspace: Path, lotabots: Lotabots
) -> None:
    story = sorted((workspace / "examples/events").glob("0[1-6]-*.json"))
    done = lotabots("decide", "-C", workspace, "--quiet", *story)
    assert done.exit_code == ALLOWED
    assert "└ deploy.requested from gate.release-staging" in done.output
    assert "`DeployBot` does `deploy-staging`" in done.output


def test_a_near_miss_names_the_clause_and_both_values(workspace: Path, lotabots: Lotabots) -> None:
    event = workspace / "examples/events/12-near-miss-lint.json"
    done = lotabots("decide", "-C", workspace, "--format", "json", event)
    (verdict,) = verdicts(done, "gate.release-staging")
    assert verdict["code"] == "LR301"
    assert verdict["reason"] == "`payload.new == 0` is false"
    assert verdict["values"] == {"payload.new": "1"}


def test_a_forged_source_is_refused_whatever_the_event_says(
    workspace: Path, lotabots: Lotabots
) -> None:
    event = workspace / "examples/events/01-change-pushed.json"
    done = lotabots("decide", "-C", workspace, "--as", "LintBot", event)
    assert done.exit_code == REFUSED
    assert "LR005" in done.output


def test_as_of_a_later_time_an_event_is_too_old(workspace: Path, lotabots: Lotabots) -> None:
    event = workspace / "examples/events/01-change-pushed.json"
    done = lotabots("decide", "-C", workspace, "--at", "2027-01-01T00:00:00Z", event)
    assert done.exit_code == REFUSED
    assert "LR008" in done.output


@pytest.mark.parametrize("text", ["yesterday", "2027-01-01T00:00:00"])
def test_a_time_that_is_none_is_a_usage_error(
    workspace: Path, text: str, lotabots: Lotabots
) -> None:
    event = workspace / "examples/events/01-change-pushed.json"
    assert lotabots("decide", "-C", workspace, "--at", text, event).exit_code == USAGE


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"id": 1}', "\x00", '{"envelope": 1}'])
def test_any_text_gets_a_decision(workspace: Path, text: str, lotabots: Lotabots) -> None:
    done = lotabots("decide", "-C", workspace, "-", stdin=text)
    assert done.exit_code == REFUSED
    assert "LR001" in done.output


def test_a_missing_file_is_a_usage_error(workspace: Path, lotabots: Lotabots) -> None:
    done = lotabots("decide", "-C", workspace, workspace / "none.json")
    assert done.exit_code == USAGE
    assert "No such file" in done.output


def test_text_of_an_event_cannot_drive_the_terminal(workspace: Path, lotabots: Lotabots) -> None:
    event = json.dumps(
        {
            "id": "x",
            "timestamp": "2026-01-01T00:00:00Z",
            "source": "\x1b[2J",
            "destination": "*",
            "type": "a\x1b]0;b\x07",
            "payload": {},
        }
    )
    assert "\x1b" not in lotabots("decide", "-C", workspace, "-", stdin=event).output


REMOVED_LINES = [
    # file, the line, the story, who refuses with which code, the finding, in which file
    (
        "rules/bots/testbot.yaml",
        "event: test.completed, destination: gate.release-staging",
        "06-test-completed.json",
        ("gate.release-staging", "LR102"),
        ("LB112", "rules/gates.yaml"),
    ),
    (
        "graphs/dependencies.yaml",
        "{from: BuildBot, to: TestBot, via: [build.completed]}",
        "02-build-completed.json",
        ("TestBot", "LR103"),
        ("LB110", "rules/bots/buildbot.yaml"),
    ),
    (
        "rules/bots/buildbot.yaml",
        "  - build.execute ",
        "01-change-pushed.json",
        ("BuildBot", "LR104"),
        ("LB302", "rules/bots/buildbot.yaml"),
    ),
]


@pytest.mark.parametrize(
    ("file", "line", "event", "refusal", "finding"), REMOVED_LINES, ids=["route", "edge", "scope"]
)
def test_one_line_less_is_found_by_validate_and_refused_by_decide(
    workspace: Path,
    lotabots: Lotabots,
    without: Without,
    file: str,
    line: str,
    event: str,
    refusal: tuple[str, str],
    finding: tuple[str, str],
) -> None:
    """The proof plane and the decision plane see the same hole."""
    without(workspace / file, line)
    found = json.loads(lotabots("validate", workspace, "--format", "json").output)["findings"]
    code, path = finding
    assert (code, path) in [(f["code"], f["location"]["path"]) for f in found]

    done = lotabots(
        "decide", "-C", workspace, "--format", "json", workspace / "examples/events" / event
    )
    target, reason = refusal
    (verdict,) = verdicts(done, target)
    assert (verdict["verdict"], verdict["code"]) == ("reject", reason)
    rule = verdict["rule"]
    assert isinstance(rule, dict)
    assert rule["path"].startswith(("rules/", "graphs/"))
    assert rule["line"] > 0
    assert done.exit_code == REFUSED
    assert "the rules have errors" in done.stderr


def test_an_event_that_is_nested_too_deep_is_malformed_whatever_its_payload_allows(
    workspace: Path, lotabots: Lotabots
) -> None:
    """Open payloads skip what nobody declared; its depth is bounded all the same."""
    events = workspace / "rules/events.yaml"
    text = events.read_text()
    start = text.index("  change.pushed:")
    at = text.index("    payload:", start)
    events.write_text(f"{text[:at]}    open: true\n{text[at:]}")
    event = json.loads((workspace / "examples/events/01-change-pushed.json").read_text())
    event["payload"]["deep"] = json.loads("[" * 60 + "]" * 60)
    done = lotabots("decide", "-C", workspace, "-", stdin=json.dumps(event))
    assert done.exit_code == REFUSED
    assert "LR001 nested deeper than 32 levels" in done.output


def test_quiet_leaves_out_what_nothing_happens_to_in_every_format(
    workspace: Path, lotabots: Lotabots
) -> None:
    event = workspace / "examples/events/12-near-miss-lint.json"
    done = lotabots("decide", "-C", workspace, "--quiet", "--format", "json", event)
    assert verdicts(done, "gate.release-staging") == []


def test_what_is_no_event_is_refused_with_the_way_to_what_an_event_is(
    workspace: Path, lotabots: Lotabots
) -> None:
    done = lotabots("decide", "-C", workspace, "-", stdin='{"type": "build.completed"}')
    assert done.exit_code == REFUSED
    assert done.output == (
        "unreadable event from nobody\n"
        "  reject      the event                LR001 object missing required field `id`\n"
        "\n"
        "1 event: 1 reject\n"
        "more about a code: `lotabots explain LR001`\n"
    )
