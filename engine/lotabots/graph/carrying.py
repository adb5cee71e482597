"""What an event carries on: constants that are known of it, and values of the event before.

Only what the engine itself writes counts: ``set:`` and the join keys of gates. A field that a bot
fills in can hold anything that its type allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.graph.feasibility import literals
from lotabots.graph.loops import fixed_by
from lotabots.model.bot import Copied
from lotabots.model.fleet import GateKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.graph.build import FleetGraph
    from lotabots.graph.nodes import Constant, Hop
    from lotabots.model.bot import SetValue
    from lotabots.model.fleet import Gate

DEEPEST: Final = 17
"""Steps of a path: a payload has no deeper field."""


def facts(graph: FleetGraph, hop: Hop) -> dict[str, Constant]:
    """What is known of the event of `hop`, whatever the bots say.

    Besides what `fixed_by` knows, a gate joins and copies constants that its parts ask for.
    """
    gate = graph.gate_at(hop.source)
    if gate is None:
        return fixed_by(graph, hop)
    known = _joined(graph, gate)
    part = {one.name: one for one in (*gate.parts, gate.after) if one is not None}
    for path, value in gate.set.items():
        known.pop(f"payload.{path}", None)
        if isinstance(value, Copied) and value.part in part:
            pins = graph.feasibility.constants(part[value.part].when)
            if gate.kind is GateKind.ALL and f"payload.{value.path}" in pins:
                known[f"payload.{path}"] = pins[f"payload.{value.path}"]
    return known | literals(gate.set)


def carried_by_bot(values: Mapping[str, SetValue], carried: tuple[str, ...]) -> tuple[str, ...]:
    """Where the event that started an action carried what its own event has at `carried`."""
    return tuple(_before(values, path)[1] for path in carried)


def carried_by_gate(gate: Gate, carried: tuple[str, ...], part: str) -> tuple[str, ...]:
    """Where the event of the part called `part` carried what the gate's event has at `carried`."""
    return tuple(_in_part(gate, path, part) for path in carried)


def _joined(graph: FleetGraph, gate: Gate) -> dict[str, Constant]:
    """Join keys of which the conditions of the parts leave one value."""
    rules = (gate.after,) if gate.after is not None else gate.parts
    if gate.kind is not GateKind.ALL and len(rules) > 1:
        return {}
    known: dict[str, Constant] = {}
    for rule in rules:
        pins = graph.feasibility.constants(rule.when)
        known |= {path: pins[path] for path in gate.join_on if path in pins}
    return known


def _before(values: Mapping[str, SetValue], path: str) -> tuple[str, str]:
    """The part and the path that ``set:`` copies to `path`, if it does; a copied object counts."""
    steps = path.split(".")
    for length in range(len(steps), 1, -1):
        value = values.get(".".join(steps[1:length]))
        below = f"{'.'.join(steps[1:length])}."
        if any(other.startswith(below) for other in values):
            return "", ""
        if isinstance(value, Copied):
            source = ["payload", *value.path.split("."), *steps[length:]]
            return value.part, ".".join(source) if len(source) <= DEEPEST else ""
        if value is not None:
            return "", ""
    return "", ""


def _in_part(gate: Gate, path: str, part: str) -> str:
    named, before = _before(gate.set, path)
    if path in gate.join_on:
        # Every part has the key; what `set` writes over it may be something else.
        return path if before == path or not _written(gate.set, path) else ""
    return before if before in gate.join_on or named == part else ""


def _written(values: Mapping[str, SetValue], path: str) -> bool:
    """Whether ``set:`` writes `path` or something above it."""
    steps = path.split(".")
    return any(".".join(steps[1:length]) in values for length in range(2, len(steps) + 1))
