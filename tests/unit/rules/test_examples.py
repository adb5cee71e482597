"""What the fleets and the story of this repository show: exactly that, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.checks.run import run
from lotabots.model.envelope import Stamp
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, EmitEvent
from lotabots.policy.state import State

if TYPE_CHECKING:
    from lotabots.checks.run import CheckedFleet
    from lotabots.policy.decision import Step

ROOT = Path(__file__).parents[3]
LITERAL = "examples/seed-literal"

GATED = "examples/events"
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
    "07-deploy-requested-staging": ["DeployBot: deploy-staging"],
    "08-deploy-completed-staging": [
        "ComplianceBot: LR301",
        "IncidentBot: LR301",
        "MonitorBot: watch",
        "NotificationBot: notify",
        "gate.release-production: LR305",
        "gate.rollback: LR305",
    ],
    "09-approval-of-another-change": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: LR305",
        "gate.retention: LR301",
    ],
    "10-approval-granted": [
        "gate.migration: LR301",
        "gate.recovery: LR301",
        "gate.release-production: emit deploy.requested",
        "gate.retention: LR301",
    ],
    "11-deploy-requested-production": ["DeployBot: deploy-production"],
    "12-deploy-completed-production": [
        "ComplianceBot: check",
        "IncidentBot: LR301",
        "MonitorBot: watch",
        "NotificationBot: notify",
        "gate.release-production: LR301",
        "gate.rollback: LR305",
    ],
    "13-alert-triggered": [
        "IncidentBot: open",
        "NotificationBot: notify",
        "gate.escalation: LR305",
        "gate.rollback: emit deploy.requested",
    ],
    "14-near-miss-lint": ["NotificationBot: notify", "gate.release-staging: LR301"],
    "15-forged-source": [": LR005"],
    "16-past-the-gates": [": LR005"],
    "17-out-of-scope": [
        "BuildBot: LR303",
        "DeployBot: LR101",
        "DocumentationBot: LR303",
        "LintBot: LR303",
        "ReviewBot: LR303",
        "SecurityBot: LR303",
    ],
    "18-payload-invalid": [": LR006"],
    "19-unknown-destination": [": LR007"],
}
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
def told(workspace: str, story: str) -> dict[str, Step]:
    """Each event of a story, decided in order by one engine that believes its senders' names."""
    policy, state = compile_policy(checked(workspace)), State()
    steps = {}
    for path in sorted((ROOT / story).glob("*.json")):
        raw = path.read_bytes()
        envelope = json.loads(raw)
        now = datetime.fromisoformat(envelope["timestamp"])
        step = decide_bytes(policy, state, raw, Stamp(envelope["source"], now), now)
        steps[path.stem], state = step, step.state
    return steps


def verdicts(step: Step) -> list[str]:
    return [
        f"{v.target}: {v.action if isinstance(v, Dispatch) else v.code}"
        for v in step.decision.verdicts
    ]


def emitted(step: Step) -> list[EmitEvent]:
    return [effect for effect in step.effects if isinstance(effect, EmitEvent)]


def test_the_fleet_of_this_repository_has_no_findings():
    assert [(f.code, f.message) for f in checked(".").diagnostics] == []


def test_the_literal_reading_of_the_seed_has_findings_of_every_family_of_its_defects():
    """Flow, graph, reach, conditions, authority, ownership, indirect power.

    LB5xx is not among them: three hours of attempts (F36) are within the day an event lives.
    """
    families = {finding.code[:4] for finding in checked(LITERAL).diagnostics}
    assert families == {"LB10", "LB11", "LB12", "LB20", "LB30", "LB40", "LB60"}


def test_each_story_has_its_events():
    assert list(told(".", GATED)) == list(STORY)
    assert list(told(LITERAL, f"{LITERAL}/events")) == list(LITERAL_STORY)


@pytest.mark.parametrize("name", STORY)
def test_each_event_of_the_story_is_decided_as_told(name: str):
    assert verdicts(told(".", GATED)[name]) == STORY[name]


@pytest.mark.parametrize("name", LITERAL_STORY)
def test_each_event_of_the_literal_story_is_refused_as_told(name: str):
    assert verdicts(told(LITERAL, f"{LITERAL}/events")[name]) == LITERAL_STORY[name]


@pytest.mark.parametrize(
    ("completes", "follows"),
    [
        ("06-test-completed", "07-deploy-requested-staging"),
        ("10-approval-granted", "11-deploy-requested-production"),
    ],
)
def test_the_story_goes_on_with_exactly_what_the_gate_emits(completes: str, follows: str):
    (event,) = emitted(told(".", GATED)[completes])
    envelope = json.loads((ROOT / GATED / f"{follows}.json").read_bytes())
    assert (event.source, event.type) == (envelope["source"], envelope["type"])
    assert json.loads(event.payload) == envelope["payload"]


def test_the_alert_withdraws_the_release_that_was_deployed():
    (event,) = emitted(told(".", GATED)["13-alert-triggered"])
    assert event.causes == ("12-deploy-completed-production", "13-alert-triggered")
    assert json.loads(event.payload)["action"] == "rollback"
