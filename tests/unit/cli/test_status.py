"""How `lotabots status` says how things stand."""

from __future__ import annotations

from typing import Any

from lotabots.cli.status import in_words

COMMIT = "c0ffee0" * 5 + "12345"


WORD = {"by": "cli.ann", "at": "2026-03-01T11:00:00Z", "reason": "loses carts"}


def bot(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "phase": "core",
        "enabled": True,
        "disabled": None,
        "in_service": True,
        "breaker": "closed",
        "breaker_until": None,
        "queued": 0,
        "running": 0,
        "waiting": 0,
    } | changed


def row(gate: str, *, approval: bool = False, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "gate": f"gate.{gate}",
        "doc": "",
        "key": {"payload.repository": "shop", "payload.change.id": COMMIT, "payload.n": 7},
        "has": [{"part": "staging", "event": "e1", "at": "2026-03-01T12:00:00Z"}],
        "missing": ["approval.granted"],
        "since": "2026-03-01T12:00:00.5Z",
        "until": "2026-03-02T12:00:00.5Z",
        "approval": {"event": "approval.granted", "payload": {}, "needs": []} if approval else None,
        "name": [gate, COMMIT[:12]],
    } | changed


def said(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    counts = {"LB_EVENTS": 7, "LB_DECISIONS": 2, "LB_OUTCOMES": 5, "LB_WORK": 0}
    return {
        "policy": "sha256:1",
        "engine": "e1",
        "lotabots": "0.1",
        "messages": counts,
        "dead_letters": 0,
        "rollout": {"phase": "core", "rules": "core", "word": None},
        "bots": {"ABot": bot()},
        "services": [],
        "gates": [],
        "gates_left_out": {},
        "gates_behind": False,
    } | changed


def lines(**changed: Any) -> list[str]:  # noqa: ANN401 - JSON
    """What is said below policy and engine."""
    return in_words(said(**changed)).splitlines()[2:]


def counts(*, decisions: int) -> dict[str, int]:
    return {"LB_EVENTS": 7, "LB_DECISIONS": decisions, "LB_OUTCOMES": 5, "LB_WORK": 0}


def test_one_is_singular():
    assert lines(messages=counts(decisions=1), dead_letters=1) == [
        "events    7 accepted, 1 decision stored",
        "jobs      5 ended, 0 queued or running, 1 dead letter",
    ]


def test_none_and_more_are_plural_and_bots_at_rest_are_not_named():
    assert lines() == [
        "events    7 accepted, 2 decisions stored",
        "jobs      5 ended, 0 queued or running, 0 dead letters",
    ]


def test_a_bot_is_named_with_all_that_keeps_it_or_keeps_it_busy():
    bots = {
        "ABot": bot(),
        "BusyBot": bot(running=2, queued=3, waiting=1),
        "FileBot": bot(enabled=False, in_service=False),
        "LateBot": bot(phase="late", in_service=False),
        "OffBot": bot(disabled=WORD, in_service=False, queued=2),
        "OpenBot": bot(breaker="open", breaker_until="2026-03-01T12:00:00Z"),
    }
    assert lines(bots=bots)[2:] == [
        "bot       BusyBot: 2 running, 3 queued, 1 waiting outside the queue",
        "bot       FileBot: disabled by its rule file",
        "bot       LateBot: phase late is not in service",
        "bot       OffBot: disabled by cli.ann at 2026-03-01 11:00:00Z: loses carts, 2 queued",
        "bot       OpenBot: breaker open until 2026-03-01 12:00:00Z",
    ]


def test_a_rollout_is_told_if_it_is_an_operators_word():
    moved = {"phase": "core", "rules": "late", "word": WORD | {"reason": ""}}
    assert lines(rollout=moved)[2:] == [
        "rollout   core, by cli.ann at 2026-03-01 11:00:00Z; the rules say late"
    ]


def test_a_key_that_waits_is_told_last_and_with_what_to_type_if_a_person_is_asked():
    person = row("release", approval=True, doc="To production when a person says so")
    silent = row("escalation", missing=["no alert"])
    assert lines(gates=[person, silent])[2:] == [
        "gate      escalation",
        f"          repository shop, change.id {COMMIT}, n 7",
        "            has staging since 2026-03-01 12:00:00Z",
        "            waits for no alert until 2026-03-02 12:00:00Z",
        "gate      release: To production when a person says so",
        f"          repository shop, change.id {COMMIT}, n 7",
        "            has staging since 2026-03-01 12:00:00Z",
        "            waits for approval.granted until 2026-03-02 12:00:00Z",
        f"            to approve: lotabots approve release {COMMIT[:12]}",
    ]


def test_of_many_keys_the_first_are_told_and_the_others_counted():
    told = lines(gates=[row("release")] * 5, gates_left_out={"gate.release": 30})
    assert sum("waits for" in line for line in told) == 3
    assert told[-1] == "          (32 more keys)"
    assert lines(gates=[row("release")] * 4)[-1] == "          (1 more key)"


def test_gates_that_were_not_looked_at_to_the_end_are_no_silence():
    assert lines(gates_behind=True)[-1] == (
        "gates     not all events were read for this yet; ask again"
    )


def test_what_an_event_says_is_obeyed_by_no_terminal():
    told = in_words(said(gates=[row("release", key={"payload.x": "\x1b[2J"})]))
    assert "\x1b" not in told
