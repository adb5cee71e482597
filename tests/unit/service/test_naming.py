"""By which words people call what waits at gates, and what is proposed for a mistyped one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lotabots.policy.waiting import Waiting
from lotabots.service.naming import LONGEST, called, named, nearest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COMMITS = ["c0ffee0" * 5 + "12345", "c0ffee0" * 5 + "54321", "beef" * 10]
DIGEST = "sha256:" + "ab" * 32


def row(gate: str, *values: Any) -> Waiting:  # noqa: ANN401 - JSON
    key = {f"payload.p{number}": value for number, value in enumerate(values)}
    return Waiting(f"gate.{gate}", "", "all", key, (), ("approval.granted",), NOW, NOW)


ROWS = named(
    [
        row("release", "shop", COMMITS[0]),
        row("release", "shop", COMMITS[1]),
        row("release", "shop", COMMITS[2]),
        row("withdrawal", "shop", "production", "4-ab12cd34ef56"),
        row("withdrawal", "hello", "production", "7-00aa11bb22cc"),
        row("retention", DIGEST),
        row("count", 7, True),
    ]
)


def keys(*words: str) -> list[tuple[str, ...]]:
    return [one.name for one in called(ROWS, words)]


def test_a_name_is_the_gate_and_the_last_value_that_only_this_key_has() -> None:
    assert [one.name for one in ROWS] == [
        ("release", "shop", COMMITS[0]),  # two commits begin with the same twelve characters
        ("release", "shop", COMMITS[1]),
        ("release", "beefbeefbeef"),
        ("withdrawal", "4-ab12cd34ef56"),
        ("withdrawal", "7-00aa11bb22cc"),
        ("retention", "sha256:abababababab"),
        ("count", "true"),
    ]


def test_every_name_calls_its_own_key_and_no_other() -> None:
    for one in ROWS:
        assert called(ROWS, one.name) == [one]


def test_a_value_is_named_in_full_or_by_its_first_seven_characters() -> None:
    assert keys("beefbee") == [("release", "beefbeefbeef")]
    assert keys("beefbe") == []
    assert keys("abababa") == [("retention", "sha256:abababababab")]
    assert keys("shop", "production") == [("withdrawal", "4-ab12cd34ef56")]
    assert keys("sho") == []
    assert keys("7") == [("count", "true")]


def test_words_that_name_several_keys_find_them_all() -> None:
    assert len(keys("shop")) == 4
    assert len(keys("gate.release", "c0ffee0c0ffee")) == 2
    assert len(keys()) == len(ROWS)


def test_a_full_name_wins_over_what_begins_with_it() -> None:
    rows = named([row("g", "service"), row("g", "service-two")])
    assert called(rows, ["service"]) == [rows[0]]


def test_what_looks_most_like_a_mistyped_word_comes_first() -> None:
    assert [one.name for one in nearest(ROWS, ["beefbeeg"])][:1] == [("release", "beefbeefbeef")]
    assert [one.name for one in nearest(ROWS, ["withdrawl", "shop"])][:1] == [
        ("withdrawal", "4-ab12cd34ef56")
    ]


def test_what_looks_like_nothing_proposes_nothing() -> None:
    assert nearest(ROWS, ["zzzzzzzzzz"]) == []
    assert nearest([], ["release"]) == []


def test_a_word_that_nobody_types_is_compared_with_nothing() -> None:
    # The time of comparing grows with the length: a few kilobytes held the engine up for a minute.
    assert nearest(ROWS, [COMMITS[2] + "0"]) == [ROWS[2]]
    assert nearest(ROWS, [COMMITS[2] + "0" * LONGEST]) == []
