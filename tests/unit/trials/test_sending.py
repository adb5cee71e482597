"""What a test does not say of an event is filled in, and fits the type of the event."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given

import payload_strategies
from lotabots.model.event import EnumType, Field, IntegerType, ListType, ObjectType, TextType
from lotabots.policy.payload import Readers
from lotabots.syntax.compose import compose
from lotabots.syntax.nodes import Mapping
from lotabots.trials.sending import filled

if TYPE_CHECKING:
    from typing import Any

KIND = ObjectType(
    fields=(
        Field("id", TextType(format="commit")),
        Field("outcome", EnumType(("success", "failure"))),
        Field("note", TextType(), optional=True),
        Field("tool", ObjectType(fields=(Field("name", TextType()), Field("n", IntegerType(1))))),
        Field(
            "steps",
            ListType(ObjectType(fields=(Field("ms", IntegerType(0)), Field("on", TextType())))),
        ),
    )
)


def members(text: str) -> dict[str, Any]:
    node, faults = compose("t.yaml", text.encode())
    assert not faults
    assert isinstance(node, Mapping)
    return filled(KIND, node)


def test_what_is_not_said_is_the_plainest_value_and_optional_members_are_absent():
    assert filled(KIND, None) == {
        "id": "0" * 40,
        "outcome": "success",
        "tool": {"name": "x", "n": 1},
        "steps": [],
    }


def test_objects_are_filled_inside_lists_and_other_objects_too():
    said = members("tool: {n: 7}\nsteps: [{on: yes}, {ms: 3}]\n")
    assert said["tool"] == {"name": "x", "n": 7}
    assert said["steps"] == [{"ms": 0, "on": "yes"}, {"ms": 3, "on": "x"}]


def test_a_scalar_is_what_its_type_makes_of_it():
    assert members("note: 1.10\n")["note"] == "1.10"
    assert members("tool: {n: '7'}\n")["tool"]["n"] == "7"  # quoted is text: to be refused
    assert members("surprise: true\n")["surprise"] is True
    assert members("surprise: 1.50\n")["surprise"] == Decimal("1.5")
    assert members("surprise: 1_000\n")["surprise"] == "1_000"
    assert members("surprise: NaN\n")["surprise"] == "NaN"


@given(payload_strategies.object_types())
def test_what_is_filled_in_fits_every_type(kind: ObjectType):
    raw = msgspec.json.Encoder(decimal_format="number").encode(filled(kind, None))
    Readers().reader(kind).read(msgspec.Raw(raw))
