"""The search for a text: shortest where it can, and bounded where it cannot."""

from lotabots.condition.automaton import Parts, shortest
from lotabots.condition.texts import Texts, pick
from lotabots.condition.verdict import Unknown
from lotabots.model.event import TextType

NOTHING = Parts("", (), (), (), (), (), ())
GAVE_UP = Unknown("the parts of the texts fit together in too many ways to try them all")


def test_parts_may_share_characters():
    parts = NOTHING._replace(head="refs/", contains=("s/he", "heads/"), ends=("ds/main",))
    assert shortest(parts, 100) == "refs/heads/main"
    assert shortest(parts, 14) is None


def test_a_refused_part_is_avoided_even_inside_others():
    parts = NOTHING._replace(contains=("ab", "ba"), not_contains=("aba",))
    assert shortest(parts, 100) == "bab"
    assert shortest(parts._replace(not_contains=("aba", "bab")), 100) == "abba"


def test_a_text_of_nothing_but_refusals_is_found():
    parts = NOTHING._replace(not_starts=("x", "a"), not_ends=("b",), not_equal=("", "c"))
    assert shortest(parts, 1) == "d"


def test_long_parts_cost_no_more_than_their_length():
    parts = NOTHING._replace(contains=("ab" * 900,), ends=("ba" * 900 + "c",))
    assert shortest(parts, 4096) == "a" + "ba" * 900 + "c"


def test_a_search_that_takes_too_long_gives_up_aloud():
    wanted = tuple(first + second for first in "abcd" for second in "efgh")
    parts = NOTHING._replace(contains=wanted)
    assert shortest(parts, 100, max_steps=1000) == GAVE_UP


def test_after_giving_up_the_parts_are_tried_in_a_row():
    wanted = frozenset(("contains", first + second) for first in "abcd" for second in "efgh")
    row = "".join(sorted(part for _, part in wanted))
    assert pick(Texts(passed=wanted), TextType(), max_steps=1000) == row
    refused = Texts(passed=wanted, failed=frozenset({("contains", "eaf")}))
    assert pick(refused, TextType(), max_steps=1000) == GAVE_UP
