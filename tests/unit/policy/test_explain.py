from __future__ import annotations

import json

from deciding import NOW, PAYLOADS, edited, policy_of, raw_event, stamp_of
from lotabots.model.envelope import Event, decode_envelope
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import decision_from_json, decision_to_json
from lotabots.policy.explain import explain
from lotabots.policy.state import State, with_queued


def test_a_near_miss_shows_the_value_that_failed() -> None:
    policy = policy_of()
    payload = {**PAYLOADS["build.completed"], "ratio": 0.5}
    raw = raw_event("build.completed", "BuildBot", payload=payload)
    event = Event(decode_envelope(raw), stamp_of("BuildBot"))
    step = decide_bytes(policy, State(), raw, event.stamp, NOW)
    chat, lint, test = (explain(policy, event, verdict) for verdict in step.decision.verdicts)
    assert (test.outcome, test.code, test.reason) == (
        "ignore",
        "LR301",
        "`payload.ratio >= 0.8` is false",
    )
    assert test.values == (("payload.ratio", "0.5"),)
    assert lint.values == (("payload.branch", "absent"),)
    assert chat.values == (("event.priority", '"medium"'),)


def test_a_dispatch_shows_the_values_and_the_state_that_allowed_it() -> None:
    policy = policy_of()
    raw = raw_event("build.completed", "BuildBot")
    event = Event(decode_envelope(raw), stamp_of("BuildBot"))
    step = decide_bytes(policy, with_queued(State(), "TestBot", 3), raw, event.stamp, NOW)
    found = explain(policy, event, step.decision.verdicts[2])
    assert (found.outcome, found.reason) == ("dispatch", "`TestBot` does `test`")
    assert found.values == (("payload.outcome", '"success"'), ("payload.ratio", "0.9"))
    assert dict(found.details)["queued"] == "3"


def test_a_rejection_by_boundary_names_the_delegate() -> None:
    change = edited("rules/bots/testbot.yaml", ("deny: code.modify", "deny: machine"))
    policy = policy_of(change)
    raw = raw_event("build.completed", "BuildBot")
    event = Event(decode_envelope(raw), stamp_of("BuildBot"))
    step = decide_bytes(policy, State(), raw, event.stamp, NOW)
    found = explain(policy, event, step.decision.verdicts[2])
    assert (found.outcome, found.code, found.reason) == ("reject", "LR105", "does not fix")
    assert found.details == (("delegate", "LintBot"),)


def test_a_decision_survives_json() -> None:
    policy = policy_of()
    for kind, source in (("build.completed", "BuildBot"), ("test.completed", "TestBot")):
        raw = raw_event(kind, source)
        decision = decide_bytes(policy, State(), raw, stamp_of(source), NOW).decision
        assert decision_from_json(json.loads(json.dumps(decision_to_json(decision)))) == decision
