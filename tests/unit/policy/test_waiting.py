"""What gates wait for, read off their state: keys, parts, times, and the word of a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deciding import FILES, NOW, PAYLOADS, edited, later, raw_event, stamp_of
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.state import State
from lotabots.policy.waiting import Waiting, waiting

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.model.fleet import Fleet
    from lotabots.policy.rules import Policy

TESTED = ("test.completed", "TestBot", NOW, {})
APPROVED = ("approval.granted", "cli.ann", NOW, {})
FAILED = ("test.completed", "TestBot", NOW, {"outcome": "failure"})


Story = list[tuple[str, str, "datetime", dict[str, Any]]]


def rows(
    told: Story, *, gates: str = "", events: dict[str, str] | None = None, now: datetime = NOW
) -> tuple[Waiting, ...]:
    """What waits at `now` after the events of a story."""
    fleet, policy, state = stand(told, gates=gates, events=events)
    return waiting(fleet, policy, state, now)


def stand(
    told: Story, *, gates: str = "", events: dict[str, str] | None = None
) -> tuple[Fleet, Policy, State]:
    files = {**FILES, **(events or {})}
    if gates:
        files["rules/gates.yaml"] = "gates:\n" + gates
    checked = run(load({path: text.encode() for path, text in files.items()}))
    policy, state = compile_policy(checked), State()
    for number, (kind, source, at, change) in enumerate(told):
        payload = {**PAYLOADS[kind], **change}
        raw = raw_event(kind, source, id=f"e{number}", timestamp=at.isoformat(), payload=payload)
        state = decide_bytes(policy, state, raw, stamp_of(source, received=at), at).state
    return checked.fleet, policy, state


def test_nothing_waits_at_rest() -> None:
    assert rows([]) == ()


def test_a_key_says_what_came_what_is_missing_since_when_and_until_when() -> None:
    (row,) = rows([TESTED])
    assert (row.gate, row.kind) == ("gate.release", "all")
    assert row.key == {"payload.repository": "r", "payload.change.id": "c1"}
    assert [(one.part, one.event, one.at) for one in row.has] == [("test", "e0", NOW)]
    assert row.missing == ("approval.granted",)
    assert (row.since, row.until) == (NOW, later(minutes=30))


def test_a_missing_approval_is_filled_from_the_key() -> None:
    (row,) = rows([TESTED])
    assert row.approval is not None
    assert row.approval.event == "approval.granted"
    assert json.loads(bytes(row.approval.payload)) == PAYLOADS["approval.granted"]
    assert row.approval.needs == ()


def test_a_gate_that_has_its_approval_asks_nobody() -> None:
    (row,) = rows([APPROVED])
    assert [one.part for one in row.has] == ["approval.granted"]
    assert (row.missing, row.approval) == (("test.completed",), None)


def test_a_complete_and_an_expired_key_wait_no_longer() -> None:
    assert rows([TESTED, APPROVED]) == ()
    assert len(rows([TESTED], now=later(minutes=30))) == 1
    assert rows([TESTED], now=later(minutes=31)) == ()


def test_the_key_that_was_touched_last_comes_first() -> None:
    other = ("test.completed", "TestBot", later(minutes=1), {"repository": "s"})
    found = rows([TESTED, other], now=later(minutes=1))
    assert [row.key["payload.repository"] for row in found] == ["s", "r"]


THREE = """\
  - name: release
    all:
      - {pattern: test.completed, when: 'payload.outcome == "success"', as: good}
      - {pattern: test.completed, when: 'payload.outcome == "failure"', as: bad}
      - {pattern: approval.granted}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {change: $good.change, environment: production}}
"""


def test_the_oldest_part_says_until_when_whatever_its_place_in_the_file() -> None:
    late = ("test.completed", "TestBot", later(minutes=10), {})
    (row,) = rows([FAILED, late], gates=THREE, now=later(minutes=10))
    assert [one.part for one in row.has] == ["good", "bad"]
    assert (row.since, row.until) == (NOW, later(minutes=30))


def test_a_person_may_be_first_while_more_is_missing() -> None:
    (row,) = rows([TESTED], gates=THREE)
    assert row.missing == ("test.completed", "approval.granted")
    assert row.approval is not None
    assert row.approval.needs == ("change",)


ASKED = (
    "{repository: string, purpose: {enum: [go, stop]}, sure: boolean, risk: integer, who: string, "
    '"change?": change, "why?": string}'
)
EVENTS = edited(
    "rules/events.yaml",
    (
        "emitters: [cli.*]\n    payload: {repository: string, change: change}\n  deploy.requested",
        f"emitters: [cli.*]\n    payload: {ASKED}\n  deploy.requested",
    ),
)
DEMANDING = """\
  - name: release
    all:
      - {pattern: test.completed, as: test}
      - pattern: approval.granted
        when: >-
          payload.purpose == "go" && payload.sure && payload.risk < 3 && has(payload.why)
          && has(payload.change)
    join_on: [payload.repository, payload.change.id]
    within: 30m
    then: {emit: deploy.requested, set: {environment: production}}
"""


def test_the_condition_settles_what_it_demands_and_the_rest_is_needed() -> None:
    (row,) = rows([TESTED], gates=DEMANDING, events=EVENTS)
    assert row.approval is not None
    assert json.loads(bytes(row.approval.payload)) == {
        "purpose": "go",
        "sure": True,
        "repository": "r",
        "change": {"id": "c1"},
    }
    assert row.approval.needs == ("risk", "who", "why")


COUNTING = """\
  - name: release
    count: {pattern: test.completed, times: 3}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {environment: production}}
"""


def test_a_count_says_how_many_more() -> None:
    (row,) = rows([TESTED, TESTED], gates=COUNTING)
    assert (row.kind, row.missing) == ("count", ("test.completed (1 more)",))
    assert [one.event for one in row.has] == ["e0", "e1"]
    assert row.approval is None


SILENT = """\
  - name: release
    absent: {pattern: approval.granted}
    after: {pattern: test.completed, as: started}
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {change: $started.change, environment: production}}
"""


def test_a_silence_is_waited_for_until_it_completes_and_needs_no_word() -> None:
    (row,) = rows([TESTED], gates=SILENT)
    assert (row.kind, row.missing) == ("absent", ("no approval.granted",))
    assert [one.part for one in row.has] == ["started"]
    assert (row.until, row.approval) == (later(minutes=30), None)


ANY = """\
  - name: release
    any: [{pattern: test.completed}]
    join_on: [payload.repository]
    within: 30m
    then: {emit: deploy.requested, set: {environment: production}}
"""


def test_a_gate_that_sleeps_waits_for_nothing() -> None:
    fleet, policy, state = stand([TESTED], gates=ANY)
    assert state.gates["gate.release"].size == 1
    assert waiting(fleet, policy, state, NOW) == ()
