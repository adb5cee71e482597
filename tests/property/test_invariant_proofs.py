"""Invariants against a second definition: every event that a small fleet can produce, one by one.

The oracle knows nothing of graphs or boxes. It delivers concrete events to triggers and parts by
the rules' own words, until nothing new happens, and remembers of each event which marked events
are among its causes. All payloads are `{k: x or y, ok: true or false}`.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

import strategies
from lotabots.checks.base import workspace_of
from lotabots.checks.proofs import Proofs
from lotabots.frozen import replace
from lotabots.graph.build import build
from lotabots.model.invariant import Invariant, InvariantKind, Origin, Passage, Target
from lotabots.model.load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EVENTS: Final = ("begun", "first", "second", "third")
BOTS: Final = ("A", "B", "C")
GATES: Final = ("gate.one", "gate.two")
PAYLOADS: Final = tuple(product("xy", (True, False)))
CONDITIONS: Final[Mapping[str, Callable[[str, bool], bool]]] = {
    "": lambda _k, _ok: True,
    "payload.ok": lambda _k, ok: ok,
    "!payload.ok": lambda _k, ok: not ok,
    'payload.k == "x"': lambda k, _ok: k == "x",
    'payload.ok && payload.k != "x"': lambda k, ok: ok and k != "x",
}


class Occurrence(NamedTuple):
    """An event as it happened, and the `k` of the marked events among its causes."""

    event: str
    source: str
    k: str
    ok: bool
    causes: frozenset[str]


class Small(NamedTuple):
    """The files of a small fleet, and the same as data for the oracle."""

    files: Mapping[str, Any]

    @property
    def bots(self) -> list[dict[str, Any]]:
        return [data for path, data in self.files.items() if path.startswith("rules/bots/")]

    @property
    def gates(self) -> list[dict[str, Any]]:
        return list(self.files["rules/gates.yaml"]["gates"])


@st.composite
def fleets(draw: st.DrawFn, *, conditions: bool) -> Small:
    """Three bots, up to two gates; `begun` comes from outside, others may too."""
    whens = st.sampled_from(tuple(CONDITIONS) if conditions else ("",))
    outside = {"begun", *draw(st.sampled_from(((), (), (), ("first",))))}
    files: dict[str, Any] = {
        "rules/fleet.yaml": {"fleet": {"name": "small"}},
        "rules/capabilities.yaml": {"capabilities": {}},
        "rules/events.yaml": {
            "events": {
                name: {
                    "payload": {"k": {"enum": ["x", "y"]}, "ok": "boolean"},
                    **({"external": True, "emitters": ["cli.*"]} if name in outside else {}),
                }
                for name in EVENTS
            }
        },
        "rules/gates.yaml": {
            "gates": [draw(_gates(name, whens)) for name in GATES[: draw(st.integers(0, 2))]]
        },
    }
    for name in BOTS:
        files[f"rules/bots/{name.lower()}.yaml"] = draw(_bots(name, whens))
    return Small(files)


@st.composite
def _parts(draw: st.DrawFn, whens: st.SearchStrategy[str]) -> dict[str, Any]:
    when, source = draw(whens), draw(st.sampled_from((*[""] * 12, *BOTS, *GATES)))
    return {
        "pattern": draw(st.sampled_from(EVENTS)),
        **({"when": when} if when else {}),
        **({"from": source} if source else {}),
    }


@st.composite
def _bots(draw: st.DrawFn, name: str, whens: st.SearchStrategy[str]) -> dict[str, Any]:
    count = draw(st.integers(1, 2))
    values = {"k": st.sampled_from(("$k", "$k", "x")), "ok": st.sampled_from(("$ok", True))}
    return {
        "bot": {"name": name},
        "triggers": [
            {"type": "event", "action": f"do{n}", **draw(_parts(whens))} for n in range(count)
        ],
        "actions": [
            {
                "name": f"do{n}",
                "command": "do",
                "emits": [
                    {
                        "type": draw(st.sampled_from(EVENTS[1:])),
                        "set": draw(st.fixed_dictionaries({}, optional=values)),
                    }
                ],
            }
            for n in range(count)
        ],
        "outputs": [
            {"type": "message", "destination": node}
            for node in draw(st.sets(st.sampled_from((*BOTS, *GATES)), min_size=3))
        ],
    }


@st.composite
def _gates(draw: st.DrawFn, node: str, whens: st.SearchStrategy[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(("all", "all", "all", "any", "count", "absent")))
    key, other = draw(st.permutations(("k", "ok")))
    parts = [{**draw(_parts(whens)), "as": f"p{n}"} for n in range(2 if kind == "all" else 1)]
    copied = st.sampled_from([f"$p{n}.{other}" for n in range(len(parts))])
    literal = st.sampled_from(("x", "y")) if other == "k" else st.booleans()
    body: dict[str, Any] = {kind: parts if kind in ("all", "any") else parts[0]}
    if kind == "count":
        body["count"] = {**parts[0], "times": 2}
    if kind == "absent":
        body = {"absent": draw(_parts(whens)), "after": parts[0]}
    return {
        "name": node.removeprefix("gate."),
        **body,
        "join_on": [f"payload.{key}"],
        "within": "1h",
        "then": {"emit": draw(st.sampled_from(EVENTS[1:])), "set": {other: draw(literal | copied)}},
    }


def occurrences(small: Small, marked: str, when: str) -> set[Occurrence]:
    """Everything that can happen; marked are the events `marked` on which `when` is true."""
    external = small.files["rules/events.yaml"]["events"]
    found = {
        Occurrence(name, "cli.ann", k, ok, frozenset())
        for name in EVENTS
        if "external" in external[name]
        for k, ok in PAYLOADS
    }
    while True:
        new = {*_of_bots(small, found, marked, when), *_of_gates(small, found, marked, when)}
        if new <= found:
            return found
        found |= new


def _causes(one: Occurrence, marked: str, when: str) -> frozenset[str]:
    counts = one.event == marked and CONDITIONS[when](one.k, one.ok)
    return one.causes | {one.k} if counts else one.causes


def _taken(
    small: Small, found: set[Occurrence], rule: dict[str, Any], node: str
) -> list[Occurrence]:
    sent = {
        (bot["bot"]["name"], output["destination"])
        for bot in small.bots
        for output in bot["outputs"]
    }
    return [
        one
        for one in found
        if one.event == rule["pattern"]
        and rule.get("from", one.source) == one.source
        and CONDITIONS[rule.get("when", "")](one.k, one.ok)
        and (one.source not in BOTS or (one.source, node) in sent)
    ]


def _of_bots(small: Small, found: set[Occurrence], marked: str, when: str) -> Iterator[Occurrence]:
    for bot in small.bots:
        name = bot["bot"]["name"]
        for trigger, action in zip(bot["triggers"], bot["actions"], strict=True):
            for one in _taken(small, found, trigger, name):
                for emission in action["emits"]:
                    copied = {"$k": one.k, "$ok": one.ok}
                    fixed = {f: copied.get(v, v) for f, v in emission["set"].items()}
                    for k, ok in PAYLOADS:
                        if fixed.get("k", k) == k and fixed.get("ok", ok) == ok:
                            causes = _causes(one, marked, when)
                            yield Occurrence(emission["type"], name, k, ok, causes)


def _of_gates(small: Small, found: set[Occurrence], marked: str, when: str) -> Iterator[Occurrence]:
    for gate in small.gates:
        node = f"gate.{gate['name']}"
        key = gate["join_on"][0].removeprefix("payload.")
        parts = gate.get("all") or gate.get("any") or [gate.get("count") or gate["after"]]
        for chosen in product(*(_taken(small, found, part, node) for part in parts)):
            if len({getattr(one, key) for one in chosen}) == 1:
                payload = {key: getattr(chosen[0], key)}
                for field, value in gate["then"]["set"].items():
                    part, _, path = str(value).partition(".")
                    payload[field] = getattr(chosen[int(part[2:])], path) if path else value
                causes = frozenset().union(*(_causes(one, marked, when) for one in chosen))
                yield Occurrence(gate["then"]["emit"], node, payload["k"], payload["ok"], causes)


whens = st.sampled_from(tuple(CONDITIONS))
events = st.sampled_from(EVENTS)
made = st.sampled_from(EVENTS[1:])


def proofs(small: Small, invariant: Invariant) -> Proofs:
    loaded = load(strategies.dump(small.files))
    assert loaded.diagnostics == ()
    fleet = replace(loaded.fleet, invariants=(invariant,))
    return Proofs(workspace_of(fleet, build(fleet), untrusted=frozenset()))


@given(fleets(conditions=True), made, whens, events, whens, st.booleans())
def test_what_is_proved_holds_for_every_event_that_can_happen(
    small: Small, target: str, target_when: str, passed: str, passed_when: str, same: bool
):
    passage = Passage(event=passed, when=passed_when, same=("payload.k",) if same else ())
    invariant = Invariant(
        name="i",
        doc="d",
        kind=InvariantKind.PATH,
        target=Target(event=target, when=target_when),
        passes=(passage,),
    )
    broken = [
        one
        for one in occurrences(small, passed, passed_when)
        if one.event == target
        and CONDITIONS[target_when](one.k, one.ok)
        and (one.k not in one.causes if same else not one.causes)
    ]
    around = proofs(small, invariant).around
    note(f"around {bool(around)}, broken {bool(broken)}")
    if broken:
        assert around, broken[0]


@given(fleets(conditions=False), made, events)
def test_without_conditions_a_way_around_is_told_exactly_if_there_is_one(
    small: Small, target: str, passed: str
):
    invariant = Invariant(
        name="i",
        doc="d",
        kind=InvariantKind.PATH,
        target=Target(event=target),
        passes=(Passage(event=passed),),
    )
    broken = any(one.event == target and not one.causes for one in occurrences(small, passed, ""))
    found = proofs(small, invariant)
    note(f"broken {broken}")
    assert bool(found.around) == broken
    reached = any(one.event == target for one in occurrences(small, passed, ""))
    assert found.occurs(invariant.target) == reached
    for around in found.around:
        known = set()
        for way in around.chain:
            assert known.issuperset(way.needs)
            known.add(way.head)
        assert around.chain[-1].head is None


@given(fleets(conditions=True), events, whens, made, whens)
def test_where_no_path_is_found_nothing_that_happens_leads_there(
    small: Small, first: str, first_when: str, target: str, target_when: str
):
    invariant = Invariant(
        name="i",
        doc="d",
        kind=InvariantKind.SEPARATE,
        origins=(Origin(event=first, when=first_when),),
        target=Target(event=target, when=target_when),
    )
    led = [
        one
        for one in occurrences(small, first, first_when)
        if one.event == target and CONDITIONS[target_when](one.k, one.ok) and one.causes
    ]
    links = proofs(small, invariant).links
    note(f"link {bool(links)}, led {bool(led)}")
    if led:
        assert links, led[0]
