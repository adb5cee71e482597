"""How `lotabots status` says what the service counts."""

from __future__ import annotations

from typing import Any

from lotabots.cli.status import in_words


def said(*, decisions: int, dead_letters: int) -> dict[str, Any]:
    counts = {"LB_EVENTS": 7, "LB_DECISIONS": decisions, "LB_OUTCOMES": 5, "LB_WORK": 0}
    return {
        "policy": "sha256:1",
        "engine": "e1",
        "version": "0.1",
        "messages": counts,
        "dead_letters": dead_letters,
        "queued": {},
        "waiting": {},
        "breakers": {},
        "services": [],
    }


def test_one_is_singular():
    assert in_words(said(decisions=1, dead_letters=1)).splitlines()[2:] == [
        "events    7 accepted, 1 decision stored",
        "jobs      5 ended, 0 queued or running, 1 dead letter",
    ]


def test_none_and_more_are_plural():
    assert in_words(said(decisions=2, dead_letters=0)).splitlines()[2:] == [
        "events    7 accepted, 2 decisions stored",
        "jobs      5 ended, 0 queued or running, 0 dead letters",
    ]
