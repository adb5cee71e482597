"""The contract of a correlator: every implementation must pass all of it.

The semantics are those of the table in `lotabots.policy.correlator`. The reference below keeps all
marks for ever and asks the definition each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.model.fleet import GateKind
from lotabots.policy.correlator import GateSpec, Mark, PythonCorrelator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lotabots.policy.correlator import Correlator, Match

IMPLEMENTATIONS: tuple[Callable[[tuple[GateSpec, ...]], Correlator], ...] = (PythonCorrelator,)
WITHIN = 10

implementations = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def spec(kind: GateKind, *, parts: int = 1, times: int = 1, max_pending: int = 100) -> GateSpec:
    return GateSpec("g", kind, parts, times, WITHIN, max_pending)


Told = tuple[str, tuple[int, ...], int]


def answers(correlator: Correlator, marks: Iterable[Told]) -> list[list[tuple[str, list[str]]]]:
    """For each mark the completed keys, each with the events that completed it."""
    found = []
    for number, (key, parts, at) in enumerate(marks):
        matches = correlator.feed("g", Mark(key, parts, at, f"e{number}"))
        found.append([shown(match) for match in matches])
    return found


def shown(match: Match) -> tuple[str, list[str]]:
    return match.key, [seen.event_id for seen in match.seen]


CASES: dict[str, tuple[GateSpec, list[Told], list[list[tuple[str, list[str]]]]]] = {
    "all parts in any order": (
        spec(GateKind.ALL, parts=2),
        [("k", (1,), 0), ("k", (0,), 3)],
        [[], [("k", ["e1", "e0"])]],
    ),
    "keys do not mix": (
        spec(GateKind.ALL, parts=2),
        [("k", (0,), 0), ("j", (1,), 1), ("k", (1,), 2)],
        [[], [], [("k", ["e0", "e2"])]],
    ),
    "the newest match of a part counts": (
        spec(GateKind.ALL, parts=2),
        [("k", (0,), 0), ("k", (0,), 5), ("k", (1,), 6)],
        [[], [], [("k", ["e1", "e2"])]],
    ),
    "exactly within still belongs together": (
        spec(GateKind.ALL, parts=2),
        [("k", (0,), 0), ("k", (1,), WITHIN)],
        [[], [("k", ["e0", "e1"])]],
    ),
    "a part that is too old is forgotten": (
        spec(GateKind.ALL, parts=2),
        [("k", (0,), 0), ("k", (1,), WITHIN + 1), ("k", (0,), WITHIN + 2)],
        [[], [], [("k", ["e2", "e1"])]],
    ),
    "a completed key starts afresh": (
        spec(GateKind.ALL, parts=2),
        [("k", (0,), 0), ("k", (1,), 1), ("k", (1,), 2)],
        [[], [("k", ["e0", "e1"])], []],
    ),
    "one event may be all parts": (
        spec(GateKind.ALL, parts=2),
        [("k", (0, 1), 0)],
        [[("k", ["e0", "e0"])]],
    ),
    "any sleeps after its first match": (
        spec(GateKind.ANY, parts=2),
        [("k", (1,), 0), ("k", (0,), WITHIN), ("k", (0,), WITHIN + 1)],
        [[("k", ["e0"])], [], [("k", ["e2"])]],
    ),
    "count needs all within the window": (
        spec(GateKind.COUNT, times=3),
        [("k", (0,), 0), ("k", (0,), 5), ("k", (0,), 11), ("k", (0,), 12), ("k", (0,), 13)],
        [[], [], [], [("k", ["e1", "e2", "e3"])], []],
    ),
    "time does not run backwards": (
        spec(GateKind.ALL, parts=2),
        [("j", (0,), 100), ("k", (0,), 0), ("k", (1,), 105)],
        [[], [], [("k", ["e1", "e2"])]],
    ),
    "absence that was broken does not complete": (
        spec(GateKind.ABSENT),
        [("k", (1,), 0), ("k", (0,), WITHIN), ("k", (0,), 50)],
        [[], [], []],
    ),
    "absence that is noticed late completes at its deadline": (
        spec(GateKind.ABSENT),
        [("k", (1,), 0), ("k", (0,), WITHIN + 1)],
        [[], [("k", ["e0"])]],
    ),
    "a second after does not move the deadline": (
        spec(GateKind.ABSENT),
        [("k", (1,), 0), ("k", (1,), 9), ("k", (1,), 11)],
        [[], [], [("k", ["e0"])]],
    ),
}


@implementations
@pytest.mark.parametrize("case", CASES)
def test_gates_complete_as_the_table_says(
    implementation: Callable[[tuple[GateSpec, ...]], Correlator], case: str
) -> None:
    gate, marks, expected = CASES[case]
    assert answers(implementation((gate,)), marks) == expected


@implementations
def test_silence_completes_when_its_time_has_passed(
    implementation: Callable[[tuple[GateSpec, ...]], Correlator],
) -> None:
    correlator = implementation((spec(GateKind.ABSENT),))
    correlator.feed("g", Mark("b", (1,), 0, "e0"))
    correlator.feed("g", Mark("a", (1,), 1, "e1"))
    assert correlator.advance(WITHIN) == ()
    first = correlator.advance(WITHIN + 1)
    assert [(match.key, match.at) for match in first] == [("b", WITHIN)]
    assert [match.key for match in correlator.advance(100)] == ["a"]
    assert correlator.advance(1000) == ()


@implementations
def test_the_key_that_was_touched_least_recently_gives_way(
    implementation: Callable[[tuple[GateSpec, ...]], Correlator],
) -> None:
    correlator = implementation((spec(GateKind.ALL, parts=2, max_pending=2),))
    for number, key in enumerate(("a", "b", "a", "c")):
        correlator.feed("g", Mark(key, (0,), number))
    assert correlator.feed("g", Mark("b", (1,), 4)) == ()  # drops a, in its turn
    assert len(correlator.feed("g", Mark("c", (1,), 5))) == 1


TOLD = st.lists(
    st.tuples(st.sampled_from("jk"), st.sampled_from([(0,), (1,), (0, 1)]), st.integers(0, 6)),
    max_size=25,
)


@implementations
@given(steps=TOLD, kind=st.sampled_from([GateKind.ALL, GateKind.ANY, GateKind.COUNT]))
def test_gates_agree_with_the_definition(
    implementation: Callable[[tuple[GateSpec, ...]], Correlator],
    steps: list[Told],
    kind: GateKind,
) -> None:
    parts = 1 if kind is GateKind.COUNT else 2
    gate = spec(kind, parts=parts, times=3)
    marks: list[Told] = []
    now = 0
    for key, numbers, pause in steps:
        now += pause
        marks.append((key, (0,) if parts == 1 else numbers, now))
    assert answers(implementation((gate,)), marks) == [
        defined(gate, marks[: number + 1]) for number in range(len(marks))
    ]


def defined(gate: GateSpec, marks: list[Told]) -> list[tuple[str, list[str]]]:
    """What the last mark completes, from the whole history, by the words of the table."""
    key = marks[-1][0]
    history = [(n, parts, at) for n, (k, parts, at) in enumerate(marks) if k == key]
    used, result = -1, []
    asleep_until = -1
    for index, (number, _, at) in enumerate(history):
        window = [m for m in history[: index + 1] if m[0] > used and m[2] >= at - gate.within]
        result = []
        if gate.kind is GateKind.ANY:
            if at > asleep_until:
                result, asleep_until = [number], at + gate.within
        elif gate.kind is GateKind.COUNT:
            if len(window) >= gate.times:
                result, used = [m[0] for m in window], number
        else:
            newest = [
                max((m[0] for m in window if part in m[1]), default=-1)
                for part in range(gate.parts)
            ]
            if min(newest) >= 0:
                result, used = newest, number
    return [(key, [f"e{number}" for number in result])] if result else []
