"""Decisions as tables: a change to a good fleet, an event, and the one verdict with its reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from deciding import (
    FILES,
    NOW,
    PAYLOADS,
    edited,
    later,
    policy_of,
    raw_event,
    stamp_of,
    step_of,
    verdicts_of,
)
from lotabots.model.envelope import MAX_EVENT, Event, decode_envelope
from lotabots.policy.breaker import Breaker, Phase
from lotabots.policy.decide import decide, decide_bytes
from lotabots.policy.decision import DeadLetter, Dispatch, Ignore, Reject, StartJob, Wait
from lotabots.policy.state import (
    BotState,
    State,
    with_bot,
    with_disabled,
    with_queued,
    with_rollout,
)

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.policy.decision import Verdict
    from lotabots.policy.rules import Policy

TESTBOT, LINTBOT = "rules/bots/testbot.yaml", "rules/bots/lintbot.yaml"
GRAPH, EVENTS = "graphs/dependencies.yaml", "rules/events.yaml"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return policy_of()


def only(policy: Policy, kind: str, source: str, **members: Any) -> Verdict:  # noqa: ANN401 - JSON
    (verdict,) = step_of(policy, kind, source, **members).decision.verdicts
    return verdict


def test_an_event_that_everything_allows_starts_a_job(policy: Policy) -> None:
    step = step_of(policy, "change.pushed", "cli.ann")
    (verdict,) = step.decision.verdicts
    assert isinstance(verdict, Dispatch)
    assert (verdict.target, verdict.action) == ("BuildBot", "build")
    assert str(verdict.rule.span) == "rules/bots/buildbot.yaml:3:12"
    (job,) = step.effects
    assert isinstance(job, StartJob)
    assert (job.bot, job.action, job.event_id) == ("BuildBot", "build", "e1")
    assert (step.decision.event_id, step.decision.event_type) == ("e1", "change.pushed")
    assert (step.decision.source, step.decision.at) == ("cli.ann", NOW)
    assert step.decision.digest == policy.digest


WHOLE = [
    ("LR003", "unknown event type `no.such`", "no.such", "BuildBot", {}),
    ("LR004", "unknown source `Stranger`", "build.completed", "Stranger", {}),
    ("LR004", "unknown source `cli.`", "change.pushed", "cli.", {}),
    ("LR005", "`TestBot` may not send `build.completed`", "build.completed", "TestBot", {}),
    ("LR005", "`cli.ann` may not send `build.completed`", "build.completed", "cli.ann", {}),
    (
        "LR005",
        "the event says it is from `TestBot`, but `BuildBot` sent it",
        "build.completed",
        "BuildBot",
        {"source": "TestBot"},
    ),
    (
        "LR006",
        "`payload.ratio`: expected `number`, got `str`",
        "build.completed",
        "BuildBot",
        {"payload": {**PAYLOADS["build.completed"], "ratio": "0.9"}},
    ),
    (
        "LR006",
        "`payload.change`: object missing required field `id`",
        "change.pushed",
        "cli.ann",
        {"payload": {"repository": "r", "change": {}}},
    ),
    (
        "LR007",
        "unknown destination `NoBot`",
        "change.pushed",
        "cli.ann",
        {"destination": "NoBot"},
    ),
    (
        "LR008",
        "1:00:01 old, 1:00:00 is allowed",
        "change.pushed",
        "cli.ann",
        {"timestamp": later(hours=-1, seconds=-1).isoformat()},
    ),
    (
        "LR011",
        "its time is 0:05:01 ahead, 0:05:00 is allowed",
        "change.pushed",
        "cli.ann",
        {"timestamp": later(minutes=5, seconds=1).isoformat()},
    ),
]


@pytest.mark.parametrize(("code", "reason", "kind", "source", "members"), WHOLE)
def test_a_fault_of_the_whole_event_is_the_only_verdict(
    policy: Policy, code: str, reason: str, kind: str, source: str, members: dict[str, Any]
) -> None:
    raw = raw_event(kind, source, **members)
    step = decide_bytes(policy, State(), raw, stamp_of(source), NOW)
    (verdict,) = step.decision.verdicts
    assert isinstance(verdict, Reject)
    assert (verdict.target, verdict.code, verdict.reason) == ("", code, reason)
    assert step.effects == ()
    assert step.state == State()


STAMPED = [
    ("LR009", "5 hops, 4 are allowed", {"hops": 5}),
    ("LR010", "`cli.ann` sent an event `e1` before", {"duplicate": True}),
]


@pytest.mark.parametrize(("code", "reason", "stamp"), STAMPED)
def test_what_the_engine_stamped_can_refuse_the_event(
    policy: Policy, code: str, reason: str, stamp: dict[str, Any]
) -> None:
    raw = raw_event("change.pushed", "cli.ann")
    step = decide_bytes(policy, State(), raw, stamp_of("cli.ann", **stamp), NOW)
    (verdict,) = step.decision.verdicts
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == (code, reason)


MALFORMED = [
    (b"", "input data was truncated"),
    (b"\xff", "JSON is malformed: invalid character (byte 0)"),
    (b"[1]", "expected `object`, got `array`"),
    (b'{"id": 7}', "`$.id`: expected `str`, got `int`"),
    (raw_event("change.pushed", "cli.ann", hops=3), "object contains unknown field `hops`"),
    (
        raw_event("change.pushed", "cli.ann", timestamp="2026-03-01T12:00:00"),
        "`$.timestamp`: expected `datetime` with a timezone component",
    ),
    (
        raw_event("change.pushed", "cli.ann", priority="urgent"),
        "`$.priority`: invalid enum value 'urgent'",
    ),
    (
        raw_event("change.pushed", "cli.ann", id="x" * 257),
        "`$.id`: expected `str` of length <= 256",
    ),
    (
        raw_event("change.pushed", "cli.ann", payload=json.loads("[" * 40 + "]" * 40)),
        "nested deeper than 32 levels",
    ),
    (b"[" * 100_000, "nested deeper than 32 levels"),
]


@pytest.mark.parametrize(("raw", "reason"), MALFORMED)
def test_what_is_not_an_envelope_is_malformed(policy: Policy, raw: bytes, reason: str) -> None:
    step = decide_bytes(policy, State(), raw, stamp_of("cli.ann"), NOW)
    (verdict,) = step.decision.verdicts
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR001", reason)
    assert step.decision.source == "cli.ann"


def test_a_too_large_event_is_not_even_read(policy: Policy) -> None:
    step = decide_bytes(policy, State(), b" " * (MAX_EVENT + 1), stamp_of("cli.ann"), NOW)
    (verdict,) = step.decision.verdicts
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR002", "262145 bytes, 262144 are allowed")


def test_a_named_bot_is_the_only_one_that_acts(policy: Policy) -> None:
    found = verdicts_of(policy, "build.completed", "BuildBot", destination="TestBot")
    assert isinstance(found["TestBot"], Dispatch)
    for other in ("ChatBot", "LintBot"):
        verdict = found[other]
        assert isinstance(verdict, Ignore)
        assert (verdict.code, verdict.reason) == ("LR303", "the event is for `TestBot`")


def test_gates_still_see_an_event_for_a_named_bot(policy: Policy) -> None:
    found = verdicts_of(policy, "test.completed", "TestBot", destination="DeployBot")
    assert isinstance(found["gate.release"], Wait)
    assert isinstance(found["DeployBot"], Reject)


def test_a_named_bot_without_a_trigger_rejects(policy: Policy) -> None:
    found = verdicts_of(policy, "change.pushed", "cli.ann", destination="TestBot")
    verdict = found["TestBot"]
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == (
        "LR101",
        "`TestBot` has no trigger for `change.pushed`",
    )
    assert found["BuildBot"].code == "LR303"


RULES: list[tuple[str, str, str, str, dict[str, str]]] = [
    (
        "LR102",
        "`BuildBot` does not send `build.completed` to `TestBot`",
        "TestBot",
        "rules/bots/buildbot.yaml:7:3",
        edited(
            "rules/bots/buildbot.yaml",
            ("  - {type: message, event: build.completed, destination: TestBot}\n", ""),
        ),
    ),
    (
        "LR103",
        "the dependency graph has no edge from `BuildBot` to `TestBot`",
        "TestBot",
        "graphs/dependencies.yaml:1:1",
        edited(GRAPH, ("  - {from: BuildBot, to: TestBot, via: [build.completed]}\n", "")),
    ),
    (
        "LR103",
        "the dependency graph has no edge from `BuildBot` to `TestBot` by `build.completed`",
        "TestBot",
        "graphs/dependencies.yaml:2:5",
        edited(GRAPH, ("to: TestBot, via: [build.completed]", "to: TestBot, via: [build.slow]")),
    ),
    (
        "LR104",
        "`TestBot` does not own `test.run`",
        "TestBot",
        "rules/bots/testbot.yaml:2:8",
        edited(TESTBOT, ("scope: [test.run]", "scope: [build.run]")),
    ),
    (
        "LR104",
        "`TestBot` does not own `test.run` on `prod*`",
        "TestBot",
        "rules/bots/testbot.yaml:2:8",
        edited(
            TESTBOT,
            ("scope: [test.run]", "scope: [{capability: test.run, on: prod-1}]"),
            ("capability: test.run, command", "capability: test.run, on: prod*, command"),
        ),
    ),
    (
        "LR104",
        "the action `test` names no capability",
        "TestBot",
        "rules/bots/testbot.yaml:2:8",
        edited(TESTBOT, ("capability: test.run, ", "")),
    ),
    (
        "LR105",
        "machines are for others",
        "TestBot",
        "rules/bots/testbot.yaml:3:14",
        edited(
            TESTBOT,
            (
                "deny: code.modify, reason: does not fix",
                "deny: machine, reason: machines are for others",
            ),
        ),
    ),
    (
        "LR106",
        "`TestBot` needs a person's approval for `machine.use`",
        "TestBot",
        "rules/bots/testbot.yaml:3:14",
        edited(
            TESTBOT,
            ("deny: code.modify, reason: does not fix", "deny: machine.use, unless: approval"),
        ),
    ),
    (
        "LR107",
        "unknown field `payload.outcom`",
        "TestBot",
        "rules/bots/testbot.yaml:8:11",
        edited(TESTBOT, ("payload.outcome ==", "payload.outcom ==")),
    ),
    (
        "LR108",
        "`TestBot` has no action `tset`",
        "TestBot",
        "rules/bots/testbot.yaml:9:13",
        edited(TESTBOT, ("    action: test\n", "    action: tset\n")),
    ),
    (
        "LR012",
        "`rules/bots/testbot.yaml` has errors",
        "TestBot",
        "rules/bots/testbot.yaml:1:1",
        edited(TESTBOT, ("scope: [test.run]", "scop: [test.run]")),
    ),
    (
        "LR012",
        "`rules/bots/buildbot.yaml` has errors",
        "TestBot",
        "rules/bots/buildbot.yaml:1:1",
        edited("rules/bots/buildbot.yaml", ("scope:", "scop:")),
    ),
    (
        "LR201",
        "`TestBot` is disabled by its rule file",
        "TestBot",
        "rules/bots/testbot.yaml:1:6",
        edited(TESTBOT, ("version: 1.0.0,", "version: 1.0.0, enabled: false,")),
    ),
]


@pytest.mark.parametrize(("code", "reason", "target", "place", "change"), RULES)
def test_the_first_rule_that_forbids_is_named(
    code: str, reason: str, target: str, place: str, change: dict[str, str]
) -> None:
    verdict = verdicts_of(policy_of(change), "build.completed", "BuildBot")[target]
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == (code, reason)
    assert str(verdict.rule.span) == place


def test_a_boundary_names_who_may_do_it() -> None:
    change = edited(TESTBOT, ("deny: code.modify", "deny: machine"))
    verdict = verdicts_of(policy_of(change), "build.completed", "BuildBot")["TestBot"]
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason, verdict.delegate) == ("LR105", "does not fix", "LintBot")
    assert verdict.rule.text == "deny: machine"


def test_an_exception_keeps_its_capability_allowed(policy: Policy) -> None:
    payload = {**PAYLOADS["build.completed"], "branch": "main"}
    state = with_rollout(State(), "late")
    raw = raw_event("build.completed", "BuildBot", payload=payload)
    step = decide_bytes(policy, state, raw, stamp_of("BuildBot"), NOW)
    assert isinstance(step.decision.verdicts[1], Dispatch)
    assert step.decision.verdicts[1].target == "LintBot"


def test_an_approval_lifts_the_boundary_that_waits_for_one(policy: Policy) -> None:
    approved = only(policy, "deploy.requested", "gate.release")
    assert isinstance(approved, Dispatch)
    assert approved.saw is not None
    assert approved.saw.approved
    refused = only(policy, "deploy.requested", "gate.unapproved")
    assert isinstance(refused, Reject)
    assert (refused.code, refused.reason) == ("LR106", "a person must agree")


@pytest.mark.parametrize("path", ["rules/events.yaml", "rules/capabilities.yaml", GRAPH])
def test_a_broken_shared_file_refuses_every_event(path: str) -> None:
    verdict = only(policy_of({path: FILES[path] + "\nsurprise: 1\n"}), "change.pushed", "cli.ann")
    assert isinstance(verdict, Reject)
    assert (verdict.target, verdict.code, verdict.reason) == ("", "LR012", f"`{path}` has errors")


def test_broken_gates_neither_take_nor_give() -> None:
    broken = policy_of({"rules/gates.yaml": FILES["rules/gates.yaml"] + "\nsurprise: 1\n"})
    assert verdicts_of(broken, "test.completed", "TestBot")["gate.release"].code == "LR012"
    assert only(broken, "deploy.requested", "gate.release").code == "LR012"


def test_a_false_condition_names_its_first_false_clause(policy: Policy) -> None:
    payload = {**PAYLOADS["build.completed"], "ratio": 0.79}
    verdict = verdicts_of(policy, "build.completed", "BuildBot", payload=payload)["TestBot"]
    assert isinstance(verdict, Ignore)
    assert (verdict.code, verdict.clause) == ("LR301", 1)
    assert verdict.reason == "`payload.ratio >= 0.8` is false"


def test_a_trigger_for_another_source_is_not_a_fault() -> None:
    change = edited(TESTBOT, ("from: BuildBot", "from: LintBot"))
    verdict = verdicts_of(policy_of(change), "build.completed", "BuildBot")["TestBot"]
    assert isinstance(verdict, Ignore)
    assert (verdict.code, verdict.reason) == (
        "LR302",
        "only events from `LintBot` are for `TestBot`",
    )


def test_an_event_that_nobody_waits_for_is_ignored_once() -> None:
    calm = policy_of(edited(LINTBOT, ("build.*", "build.completed")))
    verdict = only(calm, "build.slow", "BuildBot")
    assert isinstance(verdict, Ignore)
    assert (verdict.target, verdict.code) == ("", "LR304")
    assert verdict.reason == "nothing is started by `build.slow`"


def test_the_second_trigger_acts_when_the_first_does_not() -> None:
    second = "  - {type: event, pattern: build.completed, action: test}\n"
    change = edited(TESTBOT, ("  - {type: schedule", second + "  - {type: schedule"))
    payload = {**PAYLOADS["build.completed"], "ratio": 0}
    found = verdicts_of(policy_of(change), "build.completed", "BuildBot", payload=payload)
    assert isinstance(found["TestBot"], Dispatch)
    assert str(found["TestBot"].rule.span) == "rules/bots/testbot.yaml:10:5"


def test_a_condition_may_ask_for_the_engines_counters() -> None:
    change = edited("rules/bots/chatbot.yaml", ('event.priority == "high"', "event.attempt > 1"))
    policy = policy_of(change)
    raw = raw_event("build.completed", "BuildBot")
    first = decide_bytes(policy, State(), raw, stamp_of("BuildBot"), NOW)
    second = decide_bytes(policy, State(), raw, stamp_of("BuildBot", attempt=2), NOW)
    assert isinstance(first.decision.verdicts[0], Ignore)
    assert isinstance(second.decision.verdicts[0], Dispatch)


def tick(policy: Policy, **members: Any) -> dict[str, Verdict]:  # noqa: ANN401 - JSON
    payload = {"action": "test", "due": NOW.isoformat(), **members}
    return verdicts_of(policy, "schedule.tick", "schedule", destination="TestBot", payload=payload)


def test_the_schedule_starts_the_action_it_names(policy: Policy) -> None:
    assert isinstance(tick(policy)["TestBot"], Dispatch)
    assert tick(policy, action="other")["TestBot"].code == "LR301"


def test_only_the_schedule_may_tick(policy: Policy) -> None:
    payload = {"action": "test", "due": NOW.isoformat()}
    assert only(policy, "schedule.tick", "cli.ann", payload=payload).code == "LR005"


def in_state(policy: Policy, state: State, *, now: datetime = NOW) -> Verdict:
    raw = raw_event("build.completed", "BuildBot")
    step = decide_bytes(policy, state, raw, stamp_of("BuildBot"), now)
    return next(v for v in step.decision.verdicts if v.target == "TestBot")


def breaking(until_minutes: int) -> State:
    until = int(later(minutes=until_minutes).timestamp() * 1_000_000)
    return with_bot(State(), "TestBot", BotState(breaker=Breaker(Phase.OPEN, (), until)))


def test_an_operator_can_disable_a_bot(policy: Policy) -> None:
    verdict = in_state(policy, with_disabled(State(), "TestBot", disabled=True))
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR201", "`TestBot` is disabled by an operator")


def test_a_verdict_says_who_disabled_the_bot_and_why(policy: Policy) -> None:
    said = "cli.ann: it breaks the machine"
    verdict = in_state(policy, with_disabled(State(), "TestBot", disabled=True, said=said))
    assert verdict.reason == f"`TestBot` is disabled by {said}"


def test_a_verdict_says_who_moved_the_rollout_and_why(policy: Policy) -> None:
    state = with_rollout(State(), "core", said="cli.ann: one step back")
    payload = {**PAYLOADS["build.completed"], "branch": "main"}
    raw = raw_event("build.completed", "BuildBot", payload=payload)
    step = decide_bytes(policy, state, raw, stamp_of("BuildBot"), NOW)
    (verdict,) = (v for v in step.decision.verdicts if v.target == "LintBot")
    assert isinstance(verdict, Reject)
    assert verdict.reason == (
        "phase `late` of `LintBot` is not in service: rollout is `core` by cli.ann: one step back"
    )


def test_a_later_phase_is_not_in_service(policy: Policy) -> None:
    payload = {**PAYLOADS["build.completed"], "branch": "main"}
    verdict = verdicts_of(policy, "build.completed", "BuildBot", payload=payload)["LintBot"]
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == (
        "LR202",
        "phase `late` of `LintBot` is not in service: rollout is `core`",
    )


def test_an_unknown_rollout_lets_no_phase_in(policy: Policy) -> None:
    assert in_state(policy, with_rollout(State(), "tpyo")).code == "LR202"


def test_an_open_breaker_makes_the_event_wait(policy: Policy) -> None:
    verdict = in_state(policy, breaking(until_minutes=1))
    assert isinstance(verdict, Wait)
    assert (verdict.code, verdict.until) == ("LR203", later(minutes=1))
    assert verdict.saw is not None
    assert verdict.saw.breaker == "open"


def test_an_event_that_would_expire_first_is_a_dead_letter(policy: Policy) -> None:
    verdict = in_state(policy, breaking(until_minutes=61))
    assert isinstance(verdict, DeadLetter)
    assert verdict.code == "LR203"


def test_after_the_cooldown_one_probe_goes_through(policy: Policy) -> None:
    raw, now = raw_event("build.completed", "BuildBot"), later(minutes=2)
    first = decide_bytes(policy, breaking(until_minutes=1), raw, stamp_of("BuildBot"), now)
    second = decide_bytes(policy, first.state, raw, stamp_of("BuildBot"), now)
    assert isinstance(first.decision.verdicts[2], Dispatch)
    assert first.state.bot("TestBot").breaker.phase is Phase.HALF_OPEN
    assert isinstance(second.decision.verdicts[2], Wait)


def test_a_full_queue_takes_no_more(policy: Policy) -> None:
    verdict = in_state(policy, with_queued(State(), "TestBot", 10))
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == (
        "LR204",
        "`TestBot` has 10 jobs queued, 10 are allowed",
    )


def test_the_job_gets_what_was_checked_and_not_what_was_sent(policy: Policy) -> None:
    """A repeated member counts once, the last time, for the rule and for the bot alike."""
    raw = raw_event("change.pushed", "cli.ann").replace(
        b'"repository": "r"', b'"repository": "evil", "repository": "r"'
    )
    (job,) = decide_bytes(policy, State(), raw, stamp_of("cli.ann"), NOW).effects
    assert isinstance(job, StartJob)
    assert job.payload.f_repository == "r"


def test_a_decoded_event_gets_the_same_decision_as_its_bytes(policy: Policy) -> None:
    raw = raw_event("build.completed", "BuildBot")
    event = Event(decode_envelope(raw), stamp_of("BuildBot"))
    assert decide(policy, State(), event, NOW) == decide_bytes(
        policy, State(), raw, stamp_of("BuildBot"), NOW
    )
