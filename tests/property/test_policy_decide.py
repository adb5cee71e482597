"""What holds for every event and every change of the rules."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from deciding import FILES, NOW, PAYLOADS, policy_of, raw_event, stamp_of
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import (
    Decision,
    Dispatch,
    Reject,
    StartJob,
    decision_from_json,
    decision_to_json,
)
from lotabots.policy.state import State, state_from_json, state_to_json

POLICY = policy_of()
SOURCES = ("BuildBot", "TestBot", "cli.ann", "ingress.git", "gate.release", "gate.unapproved")
TARGETS = {"BuildBot", "TestBot", "LintBot", "ChatBot", "DeployBot"}
GATES = {"gate.release", "gate.unapproved"}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def raw_events(draw: st.DrawFn) -> tuple[bytes, str]:
    """An event that is nearly always good, with a member or two that are not."""
    kind, source = draw(st.sampled_from(sorted(PAYLOADS))), draw(st.sampled_from(SOURCES))
    payload: dict[str, Any] = dict(PAYLOADS[kind])
    if draw(st.booleans()):
        payload[draw(st.sampled_from([*payload, "branch", "x"]))] = draw(VALUES)
    members: dict[str, Any] = {"payload": payload}
    if draw(st.integers(0, 3)) == 0:
        names = ("id", "timestamp", "destination", "type", "priority", "x", "payload")
        members[draw(st.sampled_from(names))] = draw(VALUES | st.sampled_from(sorted(TARGETS)))
    try:
        return raw_event(kind, source, **members), source
    except UnicodeEncodeError:  # a lone surrogate: no sender can write one either
        return raw_event(kind, source), source


def decided(raw: bytes, source: str, state: State | None = None) -> Decision:
    return decide_bytes(POLICY, state or State(), raw, stamp_of(source), NOW).decision


@given(raw=st.binary(max_size=200), source=st.text(max_size=20))
@example(raw=b"[" * 200_000, source="cli.ann")
@example(raw=b'{"id":"\\ud800"}', source="")
def test_every_text_gets_exactly_one_verdict(raw: bytes, source: str) -> None:
    (verdict,) = decided(raw, source).verdicts
    assert isinstance(verdict, Reject)


@given(told=raw_events())
def test_every_event_gets_one_verdict_for_each_candidate_in_order(told: tuple[bytes, str]) -> None:
    found = [verdict.target for verdict in decided(*told).verdicts]
    assert found == sorted(set(found))
    assert found == [""] or set(found) <= TARGETS | GATES


@given(told=raw_events())
def test_the_same_question_has_the_same_answer(told: tuple[bytes, str]) -> None:
    first, second = decided(*told), decided(*told)
    assert first == second
    fresh = decide_bytes(policy_of(), State(), told[0], stamp_of(told[1]), NOW)
    assert fresh.decision == first


@given(told=raw_events())
def test_a_job_is_started_for_each_bot_that_is_dispatched(told: tuple[bytes, str]) -> None:
    step = decide_bytes(POLICY, State(), told[0], stamp_of(told[1]), NOW)
    bots = [v.target for v in step.decision.verdicts if isinstance(v, Dispatch)]
    jobs = [effect.bot for effect in step.effects if isinstance(effect, StartJob)]
    assert jobs == [bot for bot in bots if bot in TARGETS]


@given(told=raw_events())
def test_decisions_survive_json(told: tuple[bytes, str]) -> None:
    decision = decided(*told)
    assert decision_from_json(json.loads(json.dumps(decision_to_json(decision)))) == decision


@given(told=st.lists(raw_events(), max_size=6))
def test_states_survive_json_between_any_two_events(told: list[tuple[bytes, str]]) -> None:
    kept = stored = State()
    for raw, source in told:
        first = decide_bytes(POLICY, kept, raw, stamp_of(source), NOW)
        second = decide_bytes(POLICY, stored, raw, stamp_of(source), NOW)
        assert first == second
        kept = first.state
        stored = state_from_json(json.loads(json.dumps(state_to_json(second.state))))


STRICTER: dict[str, dict[str, str | None]] = {
    f"{path}: {old!r} -> {new!r}": {path: FILES[path].replace(old, new)}
    for path, old, new in (
        ("rules/bots/testbot.yaml", "boundaries: [", "boundaries: [{deny: machine}, "),
        ("rules/bots/testbot.yaml", "boundaries: [", "boundaries: [{deny: test.run, on: a*}, "),
        ("rules/bots/testbot.yaml", "scope: [test.run]", "scope: []"),
        ("rules/bots/buildbot.yaml", "scope: [build.run]", "scope: [deploy]"),
        ("rules/bots/buildbot.yaml", "completed, destination: Test", "slow, destination: Test"),
        ("rules/bots/lintbot.yaml", "phase: late", "phase: later"),
        ("rules/bots/chatbot.yaml", "scope:", "scop:"),
        ("rules/bots/deploybot.yaml", "unless: approval, ", ""),
        ("graphs/dependencies.yaml", "  - {from: BuildBot, to: ChatBot}\n", ""),
        ("graphs/dependencies.yaml", "  - {from: gate.release, to: DeployBot}\n", ""),
        ("graphs/dependencies.yaml", "edges:", "edgse:"),
        ("rules/fleet.yaml", "max_hops: 4", "max_hops: 0"),
        ("rules/events.yaml", "emitters: [BuildBot]", "emitters: [TestBot]"),
    )
}  # fmt: skip
POLICIES = {name: policy_of(change) for name, change in STRICTER.items()}


def allowed(decision: Decision) -> set[str]:
    return {v.target for v in decision.verdicts if isinstance(v, Dispatch)}


@given(told=raw_events(), change=st.sampled_from(sorted(POLICIES)))
def test_a_stricter_rule_never_allows_more(told: tuple[bytes, str], change: str) -> None:
    """A boundary more, an edge, a route or a scope less, a typo: nothing becomes possible."""
    raw, source = told
    before = decide_bytes(POLICY, State(), raw, stamp_of(source), NOW)
    after = decide_bytes(POLICIES[change], State(), raw, stamp_of(source), NOW)
    assert allowed(after.decision) <= allowed(before.decision)


@given(order=st.permutations(sorted(FILES)), told=raw_events())
def test_the_order_of_files_does_not_matter(order: list[str], told: tuple[bytes, str]) -> None:
    shuffled = policy_of({**dict.fromkeys(order), **{path: FILES[path] for path in order}})
    step = decide_bytes(shuffled, State(), told[0], stamp_of(told[1]), NOW)
    assert step.decision == decided(*told)
