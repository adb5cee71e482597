"""What the fleets and the story of this repository show: exactly that, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decision import Dispatch
from lotabots.service.story import read_told, tell

if TYPE_CHECKING:
    from lotabots.policy.checked import CheckedFleet
    from lotabots.policy.decision import Verdict

ROOT = Path(__file__).parents[3]
LITERAL = "examples/seed-literal"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""For events that say no readable time; there is none among them."""

STORY_EVENTS = "examples/events"
STORY = {
    "01-change-pushed": [
        "BuildBot: build",
        "DocumentationBot: generate-docs",
        "LintBot: lint",
        "ReviewBot: review",
        "SecurityBot: scan-code",
    ],
    "02-build-completed": ["SecurityBot: check-dependencies", "TestBot: run-tests"],
    "03-lint-completed": ["NotificationBot: LR301", "gate.release-staging: LR305"],
    "04-security-completed-code": ["NotificationBot: LR301", "gate.release-staging: LR305"],
    "05-security-completed-dependencies": ["NotificationBot: LR301", "gate.release-staging: LR305"],
    "06-test-completed": [
        "LintBot: report-quality",
        "gate.release-staging: emit deploy.requested",
    ],
    "06-test-completed > gate.release-staging": ["DeployBot: deploy-staging"],
    "07-deploy-completed-staging": [
        "ComplianceBot: LR301",
        "IncidentBot: LR301",
        "MonitorBot: watch",
        "NotificationBot: notify",
        "gate.release-production: LR305",
        "gate.rollback: LR305",
        "gate.withdrawal: LR305",
    ],
    "08-approval-of-another-change": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: LR305",
        "gate.retention: LR301",
        "gate.withdrawal: LR301",
    ],
    "09-approval-granted": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: emit deploy.requested",
        "gate.retention: LR301",
        "gate.withdrawal: LR301",
    ],
    "09-approval-granted > gate.release-production": ["DeployBot: deploy-production"],
    "10-deploy-completed-production": [
        "ComplianceBot: check",
        "IncidentBot: LR301",
        "MonitorBot: watch",
        "NotificationBot: notify",
        "gate.release-production: LR301",
        "gate.rollback: LR305",
        "gate.withdrawal: LR305",
    ],
    "11-alert-triggered": [
        "IncidentBot: open",
        "NotificationBot: notify",
        "gate.escalation: LR305",
        "gate.rollback: emit deploy.requested",
    ],
    "11-alert-triggered > gate.rollback": ["DeployBot: rollback"],
    "12-near-miss-lint": ["NotificationBot: notify", "gate.release-staging: LR301"],
    "13-not-its-event": [": LR005"],
    "14-forged-source": [": LR005"],
    "15-past-the-gates": [": LR005"],
    "16-out-of-scope": [
        "BuildBot: LR303",
        "DeployBot: LR101",
        "DocumentationBot: LR303",
        "LintBot: LR303",
        "ReviewBot: LR303",
        "SecurityBot: LR303",
    ],
    "17-payload-invalid": [": LR006"],
    "18-unknown-destination": [": LR007"],
    "19-withdrawal-of-another-release": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: LR301",
        "gate.retention: LR301",
        "gate.withdrawal: LR305",
    ],
    "20-withdrawal-granted": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: LR301",
        "gate.retention: LR301",
        "gate.withdrawal: emit deploy.requested",
    ],
    "20-withdrawal-granted > gate.withdrawal": ["DeployBot: rollback"],
}
LITERAL_EVENTS = "examples/seed-literal/events"
LITERAL_STORY = {
    "01-inside-boundary": [
        "BuildBot: build",
        "DocumentationBot: LR105",
        "LintBot: format",
        "ReviewBot: review",
        "SecurityBot: scan",
    ],
    "02-no-edge": [
        "IncidentBot: LR103",
        "NotificationBot: LR107",
        "ScalingBot: LR103",
        "gate.rollback: LR103",
    ],
    "03-no-route": ["NotificationBot: LR102"],
    "04-no-edge-for-the-example-configuration": ["NotificationBot: LR103"],
    "05-approval-missing": [
        "BackupBot: LR106",
        "ComplianceBot: LR303",
        "DatabaseBot: LR303",
        "MonitorBot: LR303",
    ],
    "06-condition-error": ["DeployBot: LR107"],
}


@cache
def checked(workspace: str) -> CheckedFleet:
    root = ROOT / workspace
    paths = [path for top in ("rules", "graphs") for path in (root / top).rglob("*.y*ml")]
    return run(load({path.relative_to(root).as_posix(): path.read_bytes() for path in paths}))


@cache
def told(workspace: str, events: str) -> dict[str, list[str]]:
    """What is decided about each event of a story, and about the events that its gates emit."""
    paths = sorted((ROOT / events).glob("*.json"))
    story = [read_told(path.read_bytes()) for path in paths]
    scenes = list(tell(compile_policy(checked(workspace)), story, now=NOW))
    names = iter(path.stem for path in paths)
    found: dict[str, list[str]] = {}
    name = ""
    for scene in scenes:
        if scene.cause is None:
            name = next(names)
        key = name if scene.cause is None else f"{name} > {scene.decision.source}"
        found[key] = [_short(verdict) for verdict in scene.decision.verdicts]
    return found


def _short(verdict: Verdict) -> str:
    said = verdict.action if isinstance(verdict, Dispatch) else verdict.code
    return f"{verdict.target}: {said}"


def test_the_fleet_of_this_repository_has_no_findings():
    assert [(f.code, f.message) for f in checked(".").diagnostics] == []


def test_the_literal_reading_of_the_seed_has_findings_of_every_family_of_its_defects():
    """Flow, graph, reach, conditions, authority, ownership, indirect power.

    LB5xx is not among them: three hours of attempts (F36) are within the day an event lives.
    """
    families = {finding.code[:4] for finding in checked(LITERAL).diagnostics}
    assert families == {"LB10", "LB11", "LB12", "LB20", "LB30", "LB40", "LB60"}


def test_each_story_has_its_events_and_those_of_its_gates():
    assert list(told(".", STORY_EVENTS)) == list(STORY)
    assert list(told(LITERAL, LITERAL_EVENTS)) == list(LITERAL_STORY)


@pytest.mark.parametrize("name", STORY)
def test_each_event_of_the_story_is_decided_as_told(name: str):
    assert told(".", STORY_EVENTS)[name] == STORY[name]


@pytest.mark.parametrize("name", LITERAL_STORY)
def test_each_event_of_the_literal_story_is_decided_as_told(name: str):
    assert told(LITERAL, LITERAL_EVENTS)[name] == LITERAL_STORY[name]
