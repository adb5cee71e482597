"""Writing a fleet: only what differs from the defaults, and one digest per meaning."""

from __future__ import annotations

import json

from lotabots.model.encode import canonical, canonical_json, digest, encode, leaves
from lotabots.model.load import load

SHORT = {
    "rules/fleet.yaml": b"fleet: {name: f}",
    "rules/capabilities.yaml": b"capabilities: {a: An a}",
    "rules/events.yaml": b"types: {t: {enum: [x]}}\nevents: {a.b: {payload: {x: t, n: number}}}",
    "rules/bots/b.yaml": (
        b"bot: {name: B}\n"
        b"scope: [a]\n"
        b"actions: [{command: run, emits: [a.b], grants: {memory: 1MiB}}]\n"
        b"constraints: {timeout: 1.5s}\n"
    ),
}
LONG = {
    **SHORT,
    "rules/fleet.yaml": b"# a comment\nfleet: {max_age: 24h, max_hops: 16, name: f}",
    "rules/bots/b.yaml": (
        b"constraints: {timeout: 1500ms}\n"
        b"actions:\n"
        b"  - grants: {memory: 1048576}\n"
        b"    emits: [{type: a.b, set: {}}]\n"
        b"    type: execute\n"
        b"    command: run\n"
        b"    name: run\n"
        b"scope: [{capability: a, on: '*'}]\n"
        b"bot: {enabled: true, name: B}\n"
    ),
}


def test_defaults_are_left_out_and_short_forms_are_used():
    assert encode(load(LONG).fleet) == {
        "rules/fleet.yaml": {"fleet": {"name": "f"}},
        "rules/capabilities.yaml": {"capabilities": {"a": "An a"}},
        "rules/events.yaml": {
            "artifacts": {},
            "events": {"a.b": {"payload": {"n": "number", "x": {"enum": ["x"]}}}},
        },
        "rules/bots/b.yaml": {
            "bot": {"name": "B"},
            "scope": ["a"],
            "actions": [
                {"name": "run", "command": "run", "emits": ["a.b"], "grants": {"memory": 2**20}}
            ],
            "constraints": {"timeout": "1.5s"},
        },
    }


def test_the_same_meaning_has_the_same_digest():
    assert load(SHORT).diagnostics == load(LONG).diagnostics == ()
    assert canonical(load(SHORT).fleet) == canonical(load(LONG).fleet)
    assert digest(load(SHORT).fleet) == digest(load(LONG).fleet)


def test_the_canonical_form_spells_out_every_default():
    bot = json.loads(canonical(load(SHORT).fleet))["bots"]["B"]
    assert bot["constraints"]["retry_policy"]["max_attempts"] == 3
    assert bot["bot"]["enabled"] is True


def test_every_part_has_a_leaf():
    assert list(leaves(load(SHORT).fleet)) == [
        "bots/B",
        "capabilities",
        "events",
        "fleet",
        "gates",
        "graph",
    ]
    assert all(leaf.startswith("sha256:") for leaf in leaves(load(SHORT).fleet).values())


def test_canonical_json_sorts_keys_and_keeps_text_readable():
    assert (
        canonical_json({"b": [1, True, None], "a": "ä\n"})
        == '{"a":"ä\\n","b":[1,true,null]}'.encode()
    )
