from __future__ import annotations

import json

import pytest
from msgspec import ValidationError

from deciding import NOW, policy_of, raw_event, stamp_of
from lotabots.model.bot import BreakerPolicy
from lotabots.policy.breaker import Phase, Signal
from lotabots.policy.decide import decide_bytes
from lotabots.policy.state import (
    State,
    state_from_json,
    state_to_json,
    with_disabled,
    with_queued,
    with_rollout,
    with_signal,
)


def busy() -> State:
    policy = BreakerPolicy(failures=1)
    state = with_disabled(State(), "TestBot", disabled=True, said="cli.ann: it is wrong")
    state = with_queued(state, "ChatBot", 4)
    state = with_signal(state, "LintBot", Signal.ERROR, policy=policy, now=NOW)
    raw = raw_event("test.completed", "TestBot")
    state = with_rollout(state, "late", said="cli.ann: it is time")
    return decide_bytes(policy_of(), state, raw, stamp_of("TestBot"), NOW).state


def test_a_state_survives_json() -> None:
    state = busy()
    assert state.gates["gate.release"].size == 1
    assert state.bot("LintBot").breaker.phase is Phase.OPEN
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_a_bot_back_at_rest_leaves_no_trace() -> None:
    state = with_disabled(State(), "TestBot", disabled=True, said="cli.ann: it is wrong")
    assert with_disabled(state, "TestBot", disabled=False) == State()
    assert with_queued(with_queued(State(), "TestBot", 1), "TestBot", 0) == State()


def test_a_rollout_by_the_rules_is_nobodys_word() -> None:
    state = with_rollout(State(), "late", said="cli.ann: it is time")
    assert with_rollout(state, "", said="cli.ann: it is over") == State()


def test_what_operators_said_stays_while_gates_and_bots_change() -> None:
    state = busy()
    assert (state.said, state.bot("TestBot").said) == (
        "cli.ann: it is time",
        "cli.ann: it is wrong",
    )


@pytest.mark.parametrize("data", [None, {}, {"version": 1, "bots": 3, "rollout": "", "gates": {}}])
def test_what_is_not_a_state_is_refused(data: object) -> None:
    with pytest.raises(ValidationError):
        state_from_json(data)
