"""Reading events, gates, settings, capabilities and edges."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from lotabots.model.bot import Copied, Counted, Counter
from lotabots.model.capability import Claim
from lotabots.model.event import (
    BUILT_IN,
    BooleanType,
    EnumType,
    Field,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)
from lotabots.model.fleet import Edge, Fleet, Gate, GateKind, GatePart, Phase
from lotabots.model.load import load

FRAME = {
    "rules/fleet.yaml": b"fleet: {name: f}",
    "rules/capabilities.yaml": b"capabilities: {}",
    "rules/events.yaml": b"events: {}",
    "rules/bots/b.yaml": b"bot: {name: B}",
}
EVENTS = "rules/events.yaml"
GATES = "rules/gates.yaml"


def fleet(path: str, text: str) -> Fleet:
    result = load({**FRAME, path: text.encode()})
    assert result.diagnostics == ()
    return result.fleet


def said(path: str, text: str) -> list[str]:
    return [
        f"{re.sub('^.*yaml:', '', str(d.primary.span))} {d.code} {d.message} | {d.help}"
        for d in load({**FRAME, path: text.encode()}).diagnostics
    ]


def gate(text: str) -> str:
    return f"gates: [{{name: g, join_on: [payload.id], within: 1h, then: {{emit: a.b}}, {text}}}]"


def test_type_expressions_become_types():
    text = """
types: {who: {fields: {name: string, "mail?": {type: string, format: email, doc: where}}}}
events:
  a.b:
    open: true
    payload:
      at: timestamp
      by: {list: who, max_items: 2}
      kind: {enum: [x, y]}
      n: {type: integer, min: 1}
      ok: boolean
      ratio: {type: number, min: 0.10, max: 1}
"""
    event = fleet(EVENTS, text).events["a.b"]
    who = ObjectType(
        (Field("mail", TextType(format="email"), True, "where"), Field("name", TextType()))
    )
    assert event.payload == ObjectType(
        (
            Field("at", TextType(format="timestamp")),
            Field("by", ListType(who, 2)),
            Field("kind", EnumType(("x", "y"))),
            Field("n", IntegerType(minimum=1)),
            Field("ok", BooleanType()),
            Field("ratio", NumberType(Decimal("0.1"), Decimal(1))),
        ),
        open=True,
    )
    assert str(event.at("payload", "kind")) == "rules/events.yaml:9:7"
    assert str(event.span) == "rules/events.yaml:4:3"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "events: {a.b: {payload: {x: strin}}}",
            "1:29 LB007 unknown type `strin` | did you mean `string`?",
        ),
        (
            "types: {a: {list: b}, b: {fields: {x: a}}}\nevents: {}",
            "1:39 LB007 type `a` contains itself | end the recursion: a payload has a fixed depth",
        ),
        (
            "types: {string: integer}\nevents: {}",
            "1:17 LB009 the type `string` is built in | remove it, or give it another name",
        ),
        (
            "events: {schedule.tick: {}}",
            "1:10 LB009 the event `schedule.tick` is built in | remove it, or give it another name",
        ),
        (
            'events: {a.b: {payload: {x: string, "x?": string}}}',
            "1:37 LB009 `x` is declared twice | keep one, with `?` if it is optional",
        ),
        (
            "events: {a.b: {payload: {x: {type: string, min: 1}}}}",
            (
                "1:49 LB007 `string` has no `min` | "
                "only `integer` and `number` have `min` and `max`, only `string` the others"
            ),
        ),
        (
            "events: {a.b: {payload: {x: {type: integer, min: 2, max: 1}}}}",
            "1:50 LB007 `min` is above `max` | exchange them",
        ),
        (
            "events: {a.b: {payload: {x: {type: integer, min: 0.5}}}}",
            "1:50 LB007 a bound of an integer is a whole number of at most 2^53 - 1 | round it",
        ),
        (
            "events: {a.b: {payload: {x: {enum: [a], list: string}}}}",
            (
                "1:41 LB007 `list` beside `enum` in a type | "
                "keep exactly one of `type`, `enum`, `list` or `fields`"
            ),
        ),
        (
            "events: {a.b: {payload: {x: {enum: [1]}}}}",
            "1:37 LB007 expected a text, found `1` | quote it; the values of an enum are texts",
        ),
        (
            "events: {a.b: {payload: {x-y: string}}}",
            (
                "1:26 LB007 expected a member name, found `x-y` | "
                "use letters, digits and `_`; a `?` at the end makes it optional"
            ),
        ),
        (
            "events: {A.b: {}}",
            (
                "1:10 LB007 expected an event type, found `A.b` | "
                "write lower-case words joined by dots, like `build.completed`"
            ),
        ),
        (
            "events: {a.b: }",
            (
                "1:15 LB007 expected an event type, found nothing | write `key: value` lines: "
                "`doc`, `emitters`, `external`, `terminal`, `approval`, `payload`, `open`"
            ),
        ),
    ],
)
def test_a_fault_in_the_catalogue_is_said_with_its_place_and_cure(text: str, finding: str):
    assert said(EVENTS, text) == [finding]


def test_types_that_grow_exponentially_are_refused():
    steps = ", ".join(f"t{n}: {{fields: {{a: t{n - 1}, b: t{n - 1}}}}}" for n in range(1, 15))
    text = f"types: {{t0: string, {steps}}}\nevents: {{}}"
    findings = said(EVENTS, text)
    assert "type of more than 16 levels or 2000 parts" in findings[0]
    assert len(findings) < 5


def test_a_schedule_tick_is_always_in_the_catalogue():
    assert fleet(EVENTS, "events: {}").events == BUILT_IN


def test_gates_of_all_kinds_are_read():
    text = """
gates:
  - name: first
    all: [{pattern: a.b, as: build, from: B}, {pattern: c.d, when: payload.x == 1}]
    join_on: [payload.id]
    within: 90
    then: {emit: e.f, set: {ref: $build.change.ref, n: $hops + 1, price: $$5}}
  - name: often
    count: {pattern: a.b, times: 3}
    join_on: [payload.id]
    within: 1m
    then: {emit: e.f}
  - name: silent
    absent: {pattern: a.b}
    after: {pattern: c.d}
    join_on: [payload.id]
    within: 1m
    then: {emit: e.f}
"""
    first, often, silent = fleet(GATES, text).gates
    assert first == Gate(
        name="first",
        parts=(
            GatePart(pattern="a.b", name="build", source="B"),
            GatePart(pattern="c.d", when="payload.x == 1"),
        ),
        join_on=("payload.id",),
        within=90,
        emit="e.f",
        set={
            "ref": Copied("change.ref", "build"),
            "n": Counted(Counter.HOPS, 1),
            "price": "$5",
        },
    )
    assert (often.kind, often.times, often.within) == (GateKind.COUNT, 3, 60)
    assert (silent.kind, silent.after) == (GateKind.ABSENT, GatePart(pattern="c.d"))
    assert str(first.at("set", "ref")) == "rules/gates.yaml:7:34"
    assert str(first.parts[1].at("when")) == "rules/gates.yaml:4:68"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            gate("doc: x"),
            (
                "1:9 LB006 missing key `all`, `any`, `count` or `absent` in a gate | "
                "add exactly one of `all`, `any`, `count` or `absent`"
            ),
        ),
        (
            gate("all: [{pattern: a.b}], any: [{pattern: a.b}]"),
            (
                "1:96 LB007 `any` beside `all` in a gate | "
                "keep exactly one of `all`, `any`, `count` or `absent`"
            ),
        ),
        (
            gate("all: []"),
            "1:78 LB007 expected at least 1 item, found an empty list | add one",
        ),
        (
            gate("all: [{pattern: a.b, as: x}, {pattern: a.b, as: x}]"),
            "1:121 LB009 `x` is declared twice | rename or remove one of them",
        ),
        (
            (
                "gates: [{name: g, join_on: [payload.id], within: 1h, "
                "all: [{pattern: a.b, as: test}], then: {emit: a.b, set: {x: $tst.y}}}]"
            ),
            "1:114 LB007 `$tst.y` names no field of a part of the gate | did you mean `test`?",
        ),
        (
            "gates: [{name: g, all: [{pattern: a.b}], within: 1h, then: {emit: a.b}}]",
            (
                "1:9 LB006 missing key `join_on` in an all gate | "
                "add `join_on`: payload fields that must be equal in all events"
            ),
        ),
    ],
)
def test_a_fault_in_a_gate_is_said_with_its_place_and_cure(text: str, finding: str):
    assert said(GATES, text) == [finding]


def test_settings_are_read():
    text = """
fleet: {name: lotabots, version: 1.10, max_hops: 8, max_age: 1.5h, rollout: core}
categories: {security: Watches}
phases: [core, {name: later, doc: The rest}]
"""
    settings = fleet("rules/fleet.yaml", text).settings
    assert (settings.version, settings.max_hops, settings.max_age) == ("1.10", 8, 5400)
    assert settings.phases == (Phase(name="core"), Phase(name="later", doc="The rest"))
    assert settings.categories == {"security": "Watches"}
    assert str(settings.at("rollout")) == "rules/fleet.yaml:2:77"


def test_capabilities_and_claims_are_read_short_and_long():
    text = "capabilities: {a: What it is, b: {implies: [a]}, c.d: {}}"
    tree = fleet("rules/capabilities.yaml", text).capabilities
    assert tree.closure("b") == ("b", "a")
    assert (tree.declared["a"].doc, tree.declared["c.d"].doc) == ("What it is", "")
    found = fleet("rules/bots/b.yaml", "bot: {name: B}\nscope: [a, {capability: c.d, on: db-*}]")
    assert found.bots[0].scope == (Claim(capability="a"), Claim(capability="c.d", on="db-*"))


def test_a_capability_may_exercise_what_its_children_imply_and_surely_what_its_parents_do():
    text = """capabilities: {a: {implies: [x]}, a.b: {}, a.b.c: {implies: [y]}, x: {}, w: {},
        y.z: {implies: [w]}}"""
    tree = fleet("rules/capabilities.yaml", text).capabilities
    assert set(tree.closure("a")) == {"a", "x", "y", "w"}
    assert tree.closure("a.b") == ("a.b", "x", "y", "w")
    assert tree.implied("a.b") == ("a.b", "x")
    assert tree.implied("a.b.c") == ("a.b.c", "y", "x")
    assert tree.knows("y")
    assert not tree.knows("z")


def test_edges_are_read_and_sorted():
    text = "edges: [{from: B, to: A, via: [a.b]}, {from: A, to: gate.x}]"
    assert fleet("graphs/dependencies.yaml", text).edges == (
        Edge(source="A", target="gate.x"),
        Edge(source="B", target="A", via=("a.b",)),
    )


def test_an_edge_declared_twice_is_a_finding():
    assert said("graphs/dependencies.yaml", "edges: [{from: A, to: B}, {from: A, to: B}]") == [
        (
            "1:27 LB009 `A -> B` is declared twice "
            "| keep one of them, with the events of both in its `via`"
        )
    ]
