"""Each invariant of the shipped fleet protects something: a plausible change of rules breaks it.

A row is one such change. What it breaks is told as a finding about the invariants named, besides
whatever else is wrong with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from lotabots.checks.run import run
from lotabots.model.load import load

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("rules", "graphs")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if path.parent.name != "tests"
}
GATES, EVENTS = "rules/gates.yaml", "rules/events.yaml"
DEPLOY = "rules/bots/deploybot.yaml"
RELEASED = {
    "deployments-are-tested-and-scanned",
    "what-runs-is-what-was-built",
    "only-the-main-branch-is-released",
}


class Change(NamedTuple):
    what: str
    path: str
    old: str
    new: str
    breaks: set[str]


def bot(name: str) -> str:
    return f"rules/bots/{name}bot.yaml"


CHANGES = [
    Change(
        "a failed test is good enough for staging",
        GATES,
        'payload.outcome == "success" && has(payload.change.ref)',
        "has(payload.change.ref)",
        {"deployments-are-tested-and-scanned"},
    ),
    Change(
        "every branch goes to staging",
        GATES,
        ' && has(payload.change.ref) && payload.change.ref == "refs/heads/main"',
        "",
        {"only-the-main-branch-is-released"},
    ),
    Change(
        "evidence about another change counts",
        GATES,
        "join_on: [payload.repository, payload.change.id]\n    within: 1h",
        "join_on: [payload.repository]\n    within: 1h",
        RELEASED,
    ),
    Change(
        "DeployBot says itself what it has deployed",
        DEPLOY,
        "change: $change, artifact: $artifact}}\n      - {type: deploy.failed",
        "change: $change}}\n      - {type: deploy.failed",
        {"deployments-are-tested-and-scanned", "what-runs-is-what-was-built"},
    ),
    Change(
        "a deployment that failed in staging goes to production",
        GATES,
        'payload.environment == "staging" && payload.outcome == "success"',
        'payload.environment == "staging"',
        {"production-follows-staging"},
    ),
    Change(
        "staging asks for production",
        DEPLOY,
        'from: gate.release-production, when: \'payload.action == "deploy" '
        '&& payload.environment == "production"',
        'from: gate.release-staging, when: \'payload.action == "deploy"',
        {"production-is-approved"},
    ),
    Change(
        "any approval releases",
        GATES,
        'payload.purpose == "release" && ',
        "",
        {"a-release-is-approved-by-its-commit"},
    ),
    Change(
        "any alert withdraws a release",
        GATES,
        ' && payload.severity in ["high", "critical"]',
        "",
        {"rollbacks-have-a-reason"},
    ),
    Change(
        "LogBot may deploy",
        bot("log"),
        "scope:\n",
        "scope:\n  - deploy.pipeline\n",
        {"only-deploybot-deploys"},
    ),
    Change(
        "people ask for deployments directly",
        EVENTS,
        "emitters: [gate.release-staging,",
        "external: true\n    emitters: [cli.*, gate.release-staging,",
        {
            *RELEASED,
            "production-follows-staging",
            "a-release-is-approved-by-its-commit",
            "only-gates-ask-for-deployments",
        },
    ),
    Change(
        "an approval of anything is one of a migration",
        GATES,
        'payload.purpose == "migration" && ',
        "",
        {"migrations-are-approved-by-their-plan"},
    ),
    Change(
        "a planned migration is applied",
        GATES,
        '      - {pattern: approval.granted, as: approval, when: \'payload.purpose == "migration" '
        "&& has(payload.plan)'}\n",
        "",
        {"migrations-are-approved-by-their-plan", "schemas-change-with-approval"},
    ),
    Change(
        "planned deletions are done",
        GATES,
        '      - {pattern: approval.granted, as: approval, when: \'payload.purpose == "retention" '
        "&& has(payload.plan)'}\n",
        "",
        {"backups-are-deleted-with-approval"},
    ),
    Change(
        "a recovery that is asked for is done",
        GATES,
        '      - {pattern: approval.granted, as: approval, when: \'payload.purpose == "recovery" '
        "&& has(payload.recovery)'}\n",
        "",
        {"recovery-is-approved"},
    ),
    Change(
        "formatting is applied, not proposed",
        bot("lint"),
        "scope:\n",
        "scope:\n  - code.modify.formatting\n",
        {"bots-change-no-code"},
    ),
    Change(
        "tests that fail are mended",
        "rules/capabilities.yaml",
        "implies: [test.report]",
        "implies: [test.report, test.fix]",
        set(),  # the boundary of TestBot still denies it
    ),
    Change(
        "LogBot merges",
        bot("log"),
        "scope:\n",
        "scope:\n  - change\n",
        {"bots-merge-nothing", "bots-give-no-verdicts"},
    ),
    Change(
        "a chat approves",
        EVENTS,
        "approval: true\n    emitters: [cli.*]",
        "approval: true\n    emitters: [cli.*, ingress.chat]",
        {"people-approve-at-the-command-line"},
    ),
    Change(
        "LogBot closes incidents",
        bot("log"),
        "scope:\n",
        "scope:\n  - incident.resolve\n",
        {"bots-resolve-no-incidents"},
    ),
    Change(
        "a review counts for a release",
        GATES,
        "      - {pattern: lint.completed, from: LintBot, as: lint,",
        "      - {pattern: review.completed}\n"
        "      - {pattern: lint.completed, from: LintBot, as: lint,",
        set(),  # ReviewBot sends it to nobody: the gate can only wait for ever
    ),
    Change(
        "BuildBot fetches what it needs",
        bot("build"),
        "network: []",
        'network: ["{relay:packages}"]',
        {"source-has-no-network"},
    ),
    Change(
        "TestBot gets a key",
        bot("test"),
        "secrets: []",
        "secrets: [smtp]",
        {"source-has-no-secrets"},
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)
def test_a_change_of_rules_breaks_what_protects_from_it(change: Change):
    assert change.old in FILES[change.path], "the fleet has changed: adapt this row"
    changed = FILES[change.path].replace(change.old, change.new, 1)
    assert broken(FILES | {change.path: changed}) == change.breaks


def test_no_invariant_is_without_a_change_that_breaks_it():
    fleet = load({path: text.encode() for path, text in FILES.items()}).fleet
    tried = set().union(*(change.breaks for change in CHANGES)) | set(ROUTED)
    assert tried == {one.name for one in fleet.invariants}


ROUTED = {
    "reviews-deploy-nothing": ("review.completed", "ReviewBot", bot("review")),
    "messages-cause-nothing": ("notification.sent", "NotificationBot", bot("notification")),
    "scaling-deploys-nothing": ("scale.completed", "ScalingBot", bot("scaling")),
}


@pytest.mark.parametrize("name", ROUTED)
def test_what_reaches_deploybot_by_a_trigger_breaks_what_keeps_it_apart(name: str):
    event, source, path = ROUTED[name]
    trigger = (
        f"triggers:\n  - {{type: event, pattern: {event}, from: {source}, action: rollback}}\n"
    )
    output = f"outputs:\n  - {{type: message, event: {event}, destination: DeployBot}}\n"
    files = FILES | {
        DEPLOY: FILES[DEPLOY].replace("triggers:\n", trigger),
        path: FILES[path].replace("outputs: []\n", "outputs:\n").replace("outputs:\n", output),
    }
    assert name in broken(files)


def broken(files: dict[str, str]) -> set[str]:
    """The invariants that are not held."""
    checked = run(load({path: text.encode() for path, text in files.items()}))
    return {one.subject.split()[0] for one in checked.diagnostics if one.code.startswith("LB91")}
