"""What a source is known to send, and whether a condition can hold for it."""

from __future__ import annotations

import pytest

from lotabots.graph.feasibility import Feasibility
from lotabots.model.event import BooleanType, EventType, Field, IntegerType, ObjectType, TextType

EVENTS = {
    "build.completed": EventType(
        name="build.completed",
        payload=ObjectType(
            (
                Field("branch", TextType()),
                Field("forced", BooleanType()),
                Field("checked", IntegerType(minimum=0)),
            )
        ),
    )
}


@pytest.mark.parametrize(
    ("when", "fixed", "possible"),
    [
        ('payload.branch == "main"', {"payload.branch": "main"}, True),
        ('payload.branch == "main"', {"payload.branch": "dev"}, False),
        ('payload.branch == "main" && payload.forced', {"payload.branch": "main"}, True),
        ('payload.branch == "main" && payload.branch == "dev"', {"payload.branch": "main"}, False),
        ('payload.branch == "main" && payload.branch == "dev"', {"payload.branch": "dev"}, False),
        ('payload.branch == "a" || payload.branch == "b"', {"payload.branch": "b"}, True),
        ('payload.branch == "a" || payload.branch == "b"', {"payload.branch": "c"}, False),
        ("payload.checked == 1", {"payload.checked": 1}, True),
        ("payload.checked == -1", {"payload.checked": -1}, False),
        # What equals a constant and is of another type can never stand in the field.
        ("payload.forced", {"payload.forced": True}, True),
        ("payload.forced", {"payload.forced": 1}, False),
        ("payload.checked == 1", {"payload.checked": True}, False),
        # What the condition does not read says nothing about it.
        ("payload.checked == 1", {"payload.branch": "main"}, True),
        ("", {"payload.branch": "main"}, True),
    ],
)
def test_a_condition_is_possible_if_some_event_with_the_known_values_meets_it(
    when: str, fixed: dict[str, str | bool | int], *, possible: bool
) -> None:
    assert Feasibility(EVENTS).possible(when, "build.completed", fixed=fixed) is possible


def test_an_answer_is_the_same_whatever_was_asked_before() -> None:
    when = 'payload.branch == "main"'
    memory = Feasibility(EVENTS)
    answers = [
        memory.possible(when, "build.completed", fixed=fixed)
        for fixed in ({}, {"payload.branch": "main"}, {"payload.branch": "dev"}, {})
    ]
    assert answers == [True, True, False, True]


def test_a_value_that_the_condition_asks_for_anyway_is_no_question_of_its_own() -> None:
    when = 'payload.branch == "main" && payload.checked > 1'
    for steps in range(1_000):
        memory = Feasibility(EVENTS, steps=steps)
        memory.possible(when, "build.completed")
        if memory.stopped_at is None:
            break
    memory.possible(when, "build.completed", fixed={"payload.branch": "main"})
    assert memory.stopped_at is None
