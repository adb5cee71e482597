"""Gates in decisions: what they wait for, what they emit, what they give up."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from deciding import FILES, NOW, PAYLOADS, later, policy_of, raw_event, stamp_of, verdicts_of
from lotabots.policy.correlate import advance, key_text
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, EmitEvent, GateDropped, Ignore, Wait
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lotabots.policy.decision import Step
    from lotabots.policy.rules import Policy


def play(policy: Policy, told: Iterable[tuple[str, str, datetime, dict[str, Any]]]) -> list[Step]:
    """The steps of events that come one after the other."""
    state, steps = State(), []
    for number, (kind, source, now, change) in enumerate(told):
        payload = {**PAYLOADS[kind], **change}
        raw = raw_event(kind, source, id=f"e{number}", timestamp=now.isoformat(), payload=payload)
        steps.append(decide_bytes(policy, state, raw, stamp_of(source, received=now, hops=1), now))
        state = steps[-1].state
    return steps


def verdict_of(step: Step, target: str = "gate.release") -> Any:  # noqa: ANN401 - a verdict or a value
    return next(v for v in step.decision.verdicts if v.target == target)


def gates(text: str) -> Policy:
    return policy_of({"rules/gates.yaml": "gates:\n" + text})


TESTED = ("test.completed", "TestBot", NOW, {})


def test_a_gate_waits_and_then_emits_its_event_with_key_and_constants() -> None:
    first, second = play(
        policy_of(), [TESTED, ("approval.granted", "cli.ann", later(minutes=1), {})]
    )
    waiting = verdict_of(first)
    assert isinstance(waiting, Wait)
    assert (waiting.code, waiting.missing, waiting.until) == (
        "LR305",
        ("approval.granted",),
        later(minutes=30),
    )
    assert waiting.reason == "`gate.release` waits for `approval.granted`"
    complete = verdict_of(second)
    assert isinstance(complete, Dispatch)
    assert complete.action == "emit deploy.requested"
    (effect,) = second.effects
    assert isinstance(effect, EmitEvent)
    assert (effect.source, effect.type, effect.hops) == ("gate.release", "deploy.requested", 2)
    assert effect.causes == ("e0", "e1")
    assert json.loads(effect.payload) == {
        "repository": "r",
        "change": {"id": "c1"},
        "environment": "production",
    }


TWO_OF_THREE = """\
  - name: release
    all:
      - {pattern: test.completed, when: 'payload.outcome == "success"', as: good}
      - {pattern: test.completed, when: 'payload.outcome == "failure"', as: bad}
      - {pattern: approval.granted}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {change: $good.change, environment: production}}
"""


def test_a_gate_waits_until_the_oldest_part_no_longer_counts_whatever_its_place() -> None:
    told = [
        ("test.completed", "TestBot", NOW, {"outcome": "failure"}),
        ("test.completed", "TestBot", later(minutes=10), {}),
    ]
    assert verdict_of(play(gates(TWO_OF_THREE), told)[1]).until == later(minutes=30)


def test_the_emitted_event_is_one_that_its_own_type_accepts() -> None:
    policy = policy_of()
    *_, step = play(policy, [TESTED, ("approval.granted", "cli.ann", NOW, {})])
    (effect,) = step.effects
    assert isinstance(effect, EmitEvent)
    found = verdicts_of(policy, effect.type, effect.source, payload=json.loads(effect.payload))
    assert isinstance(found["DeployBot"], Dispatch)


def test_a_gate_that_may_not_be_fed_rejects() -> None:
    graph = FILES["graphs/dependencies.yaml"].replace("  - {from: TestBot, to: gate.release}\n", "")
    policy = policy_of({"graphs/dependencies.yaml": graph})
    found = verdicts_of(policy, "test.completed", "TestBot")
    assert found["gate.release"].code == "LR103"


COPYING = """\
  - name: release
    all:
      - {pattern: test.completed, as: test}
      - {pattern: approval.granted, as: granted}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {change: $test.change, hops: $hops + 1, try: $attempt}}
"""


def test_set_copies_from_the_named_part_and_counts() -> None:
    told = [
        ("test.completed", "TestBot", NOW, {"change": {"id": "tested"}}),
        ("approval.granted", "cli.ann", NOW, {"change": {"id": "approved"}}),
    ]
    (effect,) = play(gates(COPYING), told)[1].effects
    assert isinstance(effect, EmitEvent)
    assert json.loads(effect.payload) == {
        "repository": "r",
        "change": {"id": "tested"},
        "hops": 3,
        "try": 1,
    }


OPTIONAL_KEY = """\
  - name: release
    all: [{pattern: test.completed}, {pattern: approval.granted}]
    join_on: [payload.change.note]
    within: 30m
    then: {emit: deploy.requested}
"""


def test_an_event_without_its_key_belongs_to_no_key() -> None:
    (step,) = play(gates(OPTIONAL_KEY), [TESTED])
    verdict = verdict_of(step)
    assert isinstance(verdict, Ignore)
    assert (verdict.code, verdict.reason) == (
        "LR308",
        "a `join_on` field of `gate.release` is absent",
    )
    assert step.state == State()


def test_a_key_that_no_event_can_have_rejects() -> None:
    policy = gates(OPTIONAL_KEY.replace("payload.change.note", "payload.change"))
    (step,) = play(policy, [TESTED])
    assert (verdict_of(step).code, verdict_of(step).reason) == (
        "LR107",
        "`payload.change` is not a scalar field of `test.completed`",
    )


def test_the_oldest_key_gives_way_and_leaves_a_record() -> None:
    told = [("test.completed", "TestBot", NOW, {"repository": f"r{n}"}) for n in range(4)]
    *_, last = play(policy_of(), told)
    assert last.effects == (GateDropped("gate.release", '["r0","c1"]', "full", ("e0",)),)
    assert last.state.gates["gate.release"].size == 3


def test_time_drops_what_can_no_longer_complete() -> None:
    policy = policy_of()
    (step,) = play(policy, [TESTED])
    assert advance(policy, step.state, later(minutes=30)).state == step.state
    over = advance(policy, step.state, later(minutes=31))
    (verdict,) = over.decision.verdicts
    assert (verdict.target, verdict.code) == ("gate.release", "LR307")
    assert verdict.reason == "`gate.release` no longer waits for `approval.granted`"
    assert over.effects == (GateDropped("gate.release", '["r","c1"]', "expired", ("e0",)),)
    assert over.decision.source == "engine"


ABSENT = """\
  - name: release
    absent: {pattern: test.completed}
    after: {pattern: approval.granted}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {environment: none}}
"""


def test_silence_after_an_event_emits() -> None:
    policy = gates(ABSENT)
    (step,) = play(policy, [("approval.granted", "cli.ann", NOW, {})])
    assert verdict_of(step).missing == ("no test.completed",)
    over = advance(policy, step.state, later(minutes=31))
    (verdict,), (effect,) = over.decision.verdicts, over.effects
    assert isinstance(verdict, Dispatch)
    assert isinstance(effect, EmitEvent)
    assert json.loads(effect.payload) == {"repository": "r", "environment": "none"}


def test_what_was_not_to_come_closes_the_gate() -> None:
    steps = play(gates(ABSENT), [("approval.granted", "cli.ann", NOW, {}), TESTED])
    assert verdict_of(steps[1]).code == "LR306"
    assert steps[1].state.gates["gate.release"].size == 0


def test_a_count_says_how_many_are_missing() -> None:
    text = """\
  - name: release
    count: {pattern: test.completed, times: 3}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested}
"""
    steps = play(gates(text), [TESTED] * 3)
    assert verdict_of(steps[0]).missing == ("test.completed (2 more)",)
    assert isinstance(verdict_of(steps[2]), Dispatch)


def test_a_state_that_was_stored_for_another_gate_starts_afresh_with_a_record() -> None:
    (before,) = play(policy_of(), [TESTED])
    changed = policy_of({"rules/gates.yaml": FILES["rules/gates.yaml"].replace("30m", "31m")})
    raw = raw_event("approval.granted", "cli.ann")
    step = decide_bytes(changed, before.state, raw, stamp_of("cli.ann"), NOW)
    assert isinstance(verdict_of(step), Wait)
    assert step.effects == (GateDropped("gate.release", "", "changed"),)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("1", "1.0", True),
        ("1e2", "100", True),
        ("0.10", "1E-1", True),
        ("-0.0", "0", True),
        ("1", '"1"', False),
        ("1", "true", False),
        ('"a"', '"A"', False),
        ("1e999999", "1e999998", False),
        ("1" + "0" * 401, "1e401", True),
    ],
)
def test_keys_are_equal_exactly_if_their_values_are(first: str, second: str, *, same: bool) -> None:
    texts = [key_text([value(text)]) for text in (first, second)]
    assert (texts[0] == texts[1]) is same


def value(text: str) -> Any:  # noqa: ANN401 - a verdict or a value

    return json.loads(text, parse_float=Decimal)
