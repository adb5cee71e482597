"""What the rules say about DeployBot, and what becomes of rules and events that say otherwise.

What stops a DeployBot that does not ask stands in test_deploy_boundaries.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bots.checking import findings_with
from deciding import NOW, raw_event, stamp_of
from executor.workshop import COMMIT, ROOT
from lotabots.adapters.files.workspace import read_workspace
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from lotabots.policy.decision import Verdict

RULES, GATES = "rules/bots/deploybot.yaml", "rules/gates.yaml"


def verdict(source: str, action: str, environment: str, *changes: tuple[str, str, str]) -> Verdict:
    """What the engine decides about a request for DeployBot, by rules changed so."""
    files = dict(read_workspace(ROOT))
    for path, old, new in changes:
        text = files[path].decode()
        assert old in text
        files[path] = text.replace(old, new).encode()
    artifact = {"name": "x.whl", "kind": "wheel", "digest": f"sha256:{'a' * 64}", "size": 1}
    payload = {
        "action": action, "environment": environment, "service": "shop", "repository": "shop",
        "change": {"id": COMMIT}, "artifact": artifact,
    }  # fmt: skip
    raw = raw_event("deploy.requested", source, payload=payload)
    policy = compile_policy(run(load(files)))
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"DeployBot", ""}]
    return found


@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="decision")
def test_decision_production_needs_the_approval_of_a_person():
    assert isinstance(verdict("gate.release-production", "deploy", "production"), Dispatch)
    gate = (
        GATES,
        "pattern: approval.granted\n        as: approval\n",
        "pattern: test.completed\n        as: approval\n",
    )
    found = verdict("gate.release-production", "deploy", "production", gate)
    assert isinstance(found, Reject)
    assert (found.code, found.reason) == (
        "LR106", "puts nothing in production without a person's approval"
    )  # fmt: skip


@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="proof")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on: staging\n", "on: production\n"),
        ("action: deploy-staging}", "action: deploy-production}"),
        ('from: gate.release-production, when: \'payload.action == "deploy" && ', "when: '"),
        ("capability: deploy.rollback\n", "capability: deploy.application\n    on: production\n"),
    ],
)
def test_proof_a_way_to_production_without_approval_is_found(old: str, new: str):
    assert "LB304" in findings_with("DeployBot", lambda text: text.replace(old, new))


@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="decision")
def test_decision_the_gate_of_staging_opens_nothing_in_production():
    change = (
        RULES,
        'from: gate.release-production, when: \'payload.action == "deploy"',
        'when: \'payload.action == "deploy"',
    )
    found = verdict("gate.release-staging", "deploy", "production", change)
    assert isinstance(found, Reject)
    assert found.code == "LR106"


@pytest.mark.parametrize("source", ["cli.ann", "BuildBot", "DeployBot", "ingress.git"])
def test_decision_nobody_asks_for_a_deployment_but_the_gates(source: str):
    found = verdict(source, "deploy", "staging")
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.parametrize(("capability", "reason"), [
    ("build.execute", "does not build code"),
    ("test.run", "does not run tests"),
    ("infrastructure.configure", "does not modify infrastructure configuration"),
])  # fmt: skip
@pytest.mark.boundary("DeployBot", "build", "test.run", "infrastructure.configure", plane="proof")
@pytest.mark.boundary(
    "DeployBot", "build", "test.run", "infrastructure.configure", plane="decision"
)
def test_decision_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    grant = (
        "    capability: deploy.application\n    on: staging\n",
        f"    capability: {capability}\n    on: staging\n",
    )
    scope = ("scope:\n", f"scope:\n  - {capability}\n")

    def change(text: str) -> str:
        return text.replace(*grant).replace(*scope)

    assert "LB301" in findings_with("DeployBot", change)
    found = verdict("gate.release-staging", "deploy", "staging", (RULES, *grant), (RULES, *scope))
    assert isinstance(found, Reject)
    assert (found.code, found.reason) == ("LR105", reason)
