"""Numbers and names in words."""

from __future__ import annotations

import pytest

from lotabots.diagnostics.words import counted, spoken


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 dead letters"), (1, "1 dead letter"), (2, "2 dead letters")]
)
def test_one_thing_is_singular_and_none_or_more_are_plural(count: int, words: str):
    assert counted(count, "dead letter") == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 entries"), (1, "1 entry"), (12, "12 entries")])
def test_a_plural_that_is_not_made_with_s_is_given(count: int, words: str):
    assert counted(count, "entry", many="entries") == words


def test_names_of_json_are_spoken_without_underscores():
    assert spoken("dead_letter") == "dead letter"
    assert spoken("reject") == "reject"
