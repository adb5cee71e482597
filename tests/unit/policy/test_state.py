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
    state = with_queued(with_disabled(State(), "TestBot", disabled=True), "ChatBot", 4)
    state = with_signal(state, "LintBot", Signal.ERROR, policy=policy, now=NOW)
    raw = raw_event("test.completed", "TestBot")
    step = decide_bytes(policy_of(), with_rollout(state, "late"), raw, stamp_of("TestBot"), NOW)
    return step.state


def test_a_state_survives_json() -> None:
    state = busy()
    assert state.gates["gate.release"].size == 1
    assert state.bot("LintBot").breaker.phase is Phase.OPEN
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_a_bot_back_at_rest_leaves_no_trace() -> None:
    state = with_disabled(State(), "TestBot", disabled=True)
    assert with_disabled(state, "TestBot", disabled=False) == State()
    assert with_queued(with_queued(State(), "TestBot", 1), "TestBot", 0) == State()


@pytest.mark.parametrize("data", [None, {}, {"version": 1, "bots": 3, "rollout": "", "gates": {}}])
def test_what_is_not_a_state_is_refused(data: object) -> None:
    with pytest.raises(ValidationError):
        state_from_json(data)
