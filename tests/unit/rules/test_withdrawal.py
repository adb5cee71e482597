"""What it takes for a person to withdraw a release by the rules of this repository."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deciding import stamp_of
from lotabots.adapters.files.workspace import read_workspace
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, EmitEvent, GateDropped, Reject, StartJob
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.policy.decision import Effect, Step
    from lotabots.policy.rules import Policy

ROOT: Final = Path(__file__).parents[3]
DEPLOYED: Final[dict[str, Any]] = json.loads(
    (ROOT / "examples/events/10-deploy-completed-production.json").read_bytes()
)
THEN: Final = datetime.fromisoformat(DEPLOYED["timestamp"])
RELEASE: Final = {"service": "shop", "environment": "production", "release": "12-e0230609a599"}
WORD: Final = {"purpose": "rollback", "approver": "ann", **RELEASE}


@cache
def policy() -> Policy:
    return compile_policy(run(load(read_workspace(ROOT))))


class Told:
    """A fleet that hears one event after the other."""

    def __init__(self) -> None:
        self.now = THEN
        self.state = State(rollout="advanced")
        self.heard = 0

    def hear(self, kind: str, source: str, payload: object) -> Step:
        """The step for one more event."""
        self.heard += 1
        event = {
            "id": f"e{self.heard}",
            "timestamp": self.now.isoformat(),
            "source": source,
            "type": kind,
            "payload": payload,
        }
        raw, stamp = json.dumps(event).encode(), stamp_of(source, received=self.now)
        step = decide_bytes(policy(), self.state, raw, stamp, self.now)
        self.state = step.state
        return step

    def deployed(self, **change: str) -> Step:
        return self.hear("deploy.completed", "DeployBot", DEPLOYED["payload"] | change)

    def approved(self, word: Mapping[str, object] = WORD, *, by: str = "cli.ann") -> Step:
        return self.hear("approval.granted", by, word)


def asked(step: Step) -> list[EmitEvent]:
    """What gates ask of DeployBot."""
    return [e for e in step.effects if isinstance(e, EmitEvent) and e.type == "deploy.requested"]


def after(**span: int) -> Told:
    """A fleet in which the release was deployed so long ago."""
    told = Told()
    told.deployed()
    told.now += timedelta(**span)
    return told


@pytest.mark.parametrize("span", [{"seconds": 1}, {"hours": 2}, {"days": 30}])
def test_a_persons_word_withdraws_the_release_that_it_names(span: dict[str, int]):
    told = after(**span)
    (request,) = asked(told.approved())
    payload = json.loads(request.payload)
    held = {name: DEPLOYED["payload"][name] for name in ("repository", "change", "artifact")}
    why = {"action": "rollback", "reason": "a person withdrew it"}
    assert payload == RELEASE | held | why
    step = told.hear("deploy.requested", request.source, payload)
    assert [(e.bot, e.action) for e in step.effects if isinstance(e, StartJob)] == [
        ("DeployBot", "rollback")
    ]


def test_after_a_month_nothing_is_left_to_withdraw():
    assert asked(after(days=30, seconds=1).approved()) == []


def test_one_word_withdraws_once_and_the_release_before_can_be_withdrawn_next():
    told = after(days=3)
    told.deployed(release="13-0123456789ab")
    assert len(asked(told.approved(WORD | {"release": "13-0123456789ab"}))) == 1
    assert asked(told.approved(WORD | {"release": "13-0123456789ab"})) == []
    assert len(asked(told.approved())) == 1


def test_what_a_rollback_says_of_itself_is_no_release_to_withdraw():
    told = Told()
    told.deployed(action="rollback")
    assert asked(told.approved()) == []


@pytest.mark.parametrize("missing", sorted(RELEASE))
def test_a_word_that_leaves_something_out_withdraws_nothing(missing: str):
    told = after(hours=1)
    assert asked(told.approved({k: v for k, v in WORD.items() if k != missing})) == []


@pytest.mark.parametrize("source", ["DeployBot", "MonitorBot", "ingress.git", "gate.rollback"])
def test_nobody_but_a_person_can_say_it(source: str):
    (verdict,) = after(hours=1).approved(by=source).decision.verdicts
    assert isinstance(verdict, Reject)
    assert verdict.code == "LR005"


def test_a_withdrawal_asked_for_past_the_gate_is_refused():
    payload = RELEASE | {"action": "rollback"}
    held = {name: DEPLOYED["payload"][name] for name in ("repository", "change", "artifact")}
    step = after(hours=1).hear("deploy.requested", "cli.ann", payload | held)
    assert [v.code for v in step.decision.verdicts if not isinstance(v, Dispatch)] == ["LR005"]


@given(
    st.fixed_dictionaries(
        {
            "purpose": st.sampled_from(["release", "rollback", "migration", "retention"]),
            "service": st.sampled_from(["shop", "shop2", "desk"]) | st.text(max_size=8),
            "environment": st.sampled_from(["production", "staging"]),
            "release": st.sampled_from([RELEASE["release"], "11-d13f0b353295"])
            | st.text(max_size=20),
        }
    )
)
def test_a_word_about_anything_else_withdraws_nothing(word: dict[str, str]):
    told = after(hours=1)
    requests = asked(told.approved(WORD | word))
    assert bool(requests) == (WORD | word == WORD)
    assert bool(asked(told.approved())) == (not requests)


def test_over_a_thousand_releases_the_oldest_is_given_up_and_that_is_said():
    told = Told()
    lost: list[Effect] = []
    for number in range(1001):
        step = told.deployed(release=f"{number}-e0230609a599")
        lost += [e for e in step.effects if isinstance(e, GateDropped)]
    assert [(e.gate, e.reason, e.causes) for e in lost if isinstance(e, GateDropped)] == [
        ("gate.withdrawal", "full", ("e1",))
    ]
    assert asked(told.approved(WORD | {"release": "0-e0230609a599"})) == []
    assert len(asked(told.approved(WORD | {"release": "1000-e0230609a599"}))) == 1
