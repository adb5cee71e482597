"""Which of several false conditions is told: that of the rule that was nearest to hold."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deciding import FILES, PAYLOADS, edited, policy_of, stamp_of, verdicts_of
from lotabots.adapters.files.workspace import read_workspace
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.model.record import NOWHERE
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, Ignore, RuleRef, Wait
from lotabots.policy.nearest import by_reach
from lotabots.policy.state import State
from lotabots.policy.verdicts import false_clauses

if TYPE_CHECKING:
    from lotabots.policy.decision import Verdict

ROOT = Path(__file__).parents[3]
TESTBOT, GATES = "rules/bots/testbot.yaml", "rules/gates.yaml"
RULE = RuleRef("part", "gate.release", NOWHERE)


def test_the_verdict_of_a_larger_share_of_true_clauses_comes_later() -> None:
    one, two, three = (
        false_clauses("gate.release", RULE, tuple(f"{name}{n}" for n in range(length)))
        for name, length in (("a", 1), ("b", 2), ("c", 3))
    )
    ordered, places = by_reach((one, two, three))
    assert [verdict.rule.text for verdict in ordered] == ["c0", "b0", "a0", "c1", "b1", "c2"]
    assert places == ((2,), (1, 4), (0, 3, 5))


def test_one_condition_keeps_the_order_of_its_clauses() -> None:
    failed = false_clauses("gate.release", RULE, ("a", "b", "c"))
    assert by_reach((failed,)) == (failed, ((0, 1, 2),))


def test_a_condition_that_is_never_false_has_no_place() -> None:
    failed = false_clauses("gate.release", RULE, ("a",))
    assert by_reach(((), failed)) == (failed, ((), (0,)))
    assert by_reach(()) == ((), ())


PARTS = """\
gates:
  - name: release
    all:
      - {pattern: test.completed, when: 'payload.repository == "a" && payload.outcome == "success"'}
      - {pattern: test.completed, when: 'payload.repository == "b" && payload.outcome == "success"'}
      - {pattern: test.completed, from: BuildBot}
    join_on: [payload.change.id]
    within: 30m
    then: {emit: deploy.requested, set: {repository: r, environment: production}}
"""


def told_by_gate(gates: str = PARTS, **payload: str) -> Verdict:
    payload = {**PAYLOADS["test.completed"], **payload}
    return verdicts_of(policy_of({GATES: gates}), "test.completed", "TestBot", payload=payload)[
        "gate.release"
    ]


NEAR = [
    ("a", '`payload.outcome == "success"` is false', 4, 1),
    ("b", '`payload.outcome == "success"` is false', 5, 1),
    ("c", '`payload.repository == "a"` is false', 4, 0),
]


@pytest.mark.parametrize(("repository", "reason", "line", "clause"), NEAR)
def test_a_gate_tells_of_the_part_that_came_furthest(
    repository: str, reason: str, line: int, clause: int
) -> None:
    verdict = told_by_gate(repository=repository, outcome="failure")
    assert isinstance(verdict, Ignore)
    assert (verdict.code, verdict.reason, verdict.clause) == ("LR301", reason, clause)
    assert str(verdict.rule.span).startswith(f"rules/gates.yaml:{line}:")


@pytest.mark.parametrize("repository", ["a", "b"])
def test_a_part_that_holds_is_all_that_counts(repository: str) -> None:
    assert isinstance(told_by_gate(repository=repository), Wait)


def test_a_part_for_another_source_came_less_far_than_one_that_was_asked() -> None:
    lines = PARTS.splitlines(keepends=True)
    stranger_first = "".join((*lines[:3], lines[5], lines[3], lines[4], *lines[6:]))
    verdict = told_by_gate(stranger_first, repository="c")
    assert (verdict.code, verdict.rule.text) == ("LR301", 'payload.repository == "a"')


TRIGGERS = (
    "  - {type: event, pattern: build.completed, from: LintBot, action: test}\n"
    "  - {type: event, pattern: build.completed, action: test,"
    " when: 'payload.repository == \"a\" && payload.ratio > 0.9'}\n"
    '  - {type: event, pattern: build.*, action: test, when: \'payload.repository == "b" && '
    'payload.outcome == "success" && payload.ratio > 0.9\'}\n'
)
BOT = edited(
    TESTBOT,
    (FILES[TESTBOT][FILES[TESTBOT].index("  - type: event") : FILES[TESTBOT].index("  - {type: s")],
     TRIGGERS),
)  # fmt: skip


def told_by_bot(**payload: str | float) -> Verdict:
    payload = {**PAYLOADS["build.completed"], **payload}
    return verdicts_of(policy_of(BOT), "build.completed", "BuildBot", payload=payload)["TestBot"]


ASKED = [
    ("a", "success", 6, "payload.ratio > 0.9"),
    ("b", "success", 7, "payload.ratio > 0.9"),
    ("b", "failure", 7, 'payload.outcome == "success"'),
    ("c", "success", 6, 'payload.repository == "a"'),
]


@pytest.mark.parametrize(("repository", "outcome", "line", "clause"), ASKED)
def test_a_bot_tells_of_the_trigger_that_came_furthest(
    repository: str, outcome: str, line: int, clause: str
) -> None:
    verdict = told_by_bot(repository=repository, outcome=outcome)
    assert isinstance(verdict, Ignore)
    assert (verdict.code, verdict.reason) == ("LR301", f"`{clause}` is false")
    assert verdict.rule.span.line == line


@pytest.mark.parametrize(("repository", "line"), [("a", 6), ("b", 7)])
def test_the_trigger_that_holds_decides_however_far_others_came(repository: str, line: int) -> None:
    verdict = told_by_bot(repository=repository, ratio=0.95)
    assert isinstance(verdict, Dispatch)
    assert verdict.rule.span.line == line


def test_failed_checks_of_dependencies_are_not_told_as_no_checks_of_code() -> None:
    """By the rules of this repository, whose gate has a part for each of the two scans."""
    policy = compile_policy(run(load(read_workspace(ROOT))))
    path = ROOT / "examples/events/05-security-completed-dependencies.json"
    told = json.loads(path.read_bytes())
    told["payload"]["outcome"] = "failure"
    now = datetime.fromisoformat(told["timestamp"])
    stamp = stamp_of("SecurityBot", received=now)
    found = decide_bytes(policy, State(), json.dumps(told).encode(), stamp, now).decision.verdicts
    verdict = next(verdict for verdict in found if verdict.target == "gate.release-staging")
    assert isinstance(verdict, Ignore)
    assert verdict.reason == '`payload.outcome == "success"` is false'
