"""Patterns of sources, and who is let in."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.graph.nodes import Start, patterns_meet
from lotabots.model.bot import Trigger
from lotabots.model.names import matches

TOKENS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3)
PATTERNS = st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=3).flatmap(
    lambda tokens: st.sampled_from([".".join(tokens), ".".join([*tokens, "**"])])
)
NAMES = [".".join(tokens) for size in range(1, 6) for tokens in product("abc", repeat=size)]


@given(PATTERNS, PATTERNS)
def test_patterns_meet_exactly_if_some_name_matches_both(first: str, second: str):
    wanted = any(matches(first, name) and matches(second, name) for name in NAMES)
    assert patterns_meet(first, second) == wanted


@pytest.mark.parametrize(
    ("wanted", "source", "let_in"),
    [
        ("", "BuildBot", True),
        ("BuildBot", "BuildBot", True),
        ("BuildBot", "TestBot", False),
        ("gate.*", "gate.release", True),
        ("gate.*", "BuildBot", False),
    ],
)
def test_from_lets_in_whom_it_names(wanted: str, source: str, let_in: bool):
    start = Start("X", 0, Trigger(pattern="a.b", source=wanted))
    assert start.accepts(source) is let_in
