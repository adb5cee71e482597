"""``rules/gates.yaml``: correlations that the engine evaluates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lotabots.diagnostics.codes import INVALID_VALUE
from lotabots.diagnostics.diagnostic import Label
from lotabots.frozen import replace
from lotabots.model.bot import Copied, SetValue
from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, Style, did_you_mean
from lotabots.model.codec.collection import listing, repeated
from lotabots.model.codec.names import EVENT, EVENT_PATTERN, MEMBER, PAYLOAD_PATH, SLUG, SOURCE
from lotabots.model.codec.quantity import duration
from lotabots.model.codec.record import group, keyed, record
from lotabots.model.codec.scalar import integer, name, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.codec.value import set_values
from lotabots.model.fleet import Gate, GateKind, GatePart

if TYPE_CHECKING:
    from lotabots.syntax.nodes import Node

MAX_GATES: Final = 4096

_PART_KEYS: Final = (
    Key("pattern", "pattern", EVENT_PATTERN, "the event types that fit", required=True),
    Key("from", "source", SOURCE, "the only bot, gate or source it may come from"),
    Key("when", "when", prose("a condition"), "the condition on the payload"),
    Key(
        "as",
        "name",
        name("a part name", re.compile(MEMBER), "use letters, digits and `_`"),
        "a name by which `set` refers to the event: `$name.field`",
    ),
)
_PART: Final = Shape("a gate part", "An event that the gate waits for.", _PART_KEYS)
_COUNTED: Final = Shape(
    "a counted part",
    "An event that must come several times.",
    [*_PART_KEYS, Key("times", "times", integer(1, 10_000), "how many times", required=True)],
)
_THEN: Final = Shape(
    "a gate's result",
    "The event that a complete gate emits.",
    [
        Key("emit", "emit", EVENT, "the event type", required=True),
        Key("set", "set", set_values(), "payload fields; the keys of `join_on` are copied anyway"),
    ],
)


def _several(kind: GateKind) -> Codec[Any]:
    parts = listing(record(GatePart, _PART), least=1, most=16)

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        values = parts.read(node, findings, places, route)
        return {"kind": kind, "parts": values} if values else None

    return Codec(read, lambda gate, style: parts.write(gate.parts, style), parts.schema)


def _single(kind: GateKind) -> Codec[Any]:
    part = record(GatePart, _PART)

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        value = part.read(node, findings, places, route)
        return {"kind": kind, "parts": (value,)} if value else None

    return Codec(read, lambda gate, style: part.write(gate.parts[0], style), part.schema)


def _counted() -> Codec[Any]:
    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        own: Places = {}
        collected = _COUNTED.collect(node, findings, own)
        if collected is None or not collected[1]:
            return None
        values = collected[0]
        times = values.pop("times")
        places[f"{route}.times"] = places["times"] = own["times"]
        part = GatePart(span=node.span, places=own, **values)
        return {"kind": GateKind.COUNT, "parts": (part,), "times": times}

    def write(gate: Gate, style: Style) -> dict[str, Any]:
        return {**record(GatePart, _PART).write(gate.parts[0], style), "times": gate.times}

    def schema(definitions: Definitions) -> dict[str, Any]:
        return _COUNTED.schema(definitions, {})

    return Codec(read, write, schema)


def _gate(title: str, *kind: Key) -> Codec[Gate]:
    keys = [
        Key(
            "name",
            "name",
            SLUG,
            "the name; its events have the source `gate.<name>`",
            required=True,
        ),
        Key("doc", "doc", prose(), "what the gate is for"),
        *kind,
        Key(
            "join_on",
            "join_on",
            listing(PAYLOAD_PATH, least=1, most=8, unique=str),
            "payload fields that must be equal in all events",
            required=True,
        ),
        Key("within", "within", duration(1), "the time in which it must complete", required=True),
        Key(
            "max_pending",
            "max_pending",
            integer(1, 1_000_000),
            "keys waiting at a time; above it the oldest is dropped, visibly",
        ),
        Key("then", "", group(_THEN, Gate), "the event that it emits", required=True),
    ]
    shape = Shape(title, "A correlation that the engine evaluates.", keys)
    return record(Gate, shape, finish=_finish)


def _finish(values: dict[str, Any], _node: Node, findings: Findings, places: Places) -> bool:
    """Tell the parts apart by name, and let each copied field name its part."""
    parts = list(values.get("parts", ()))
    if "after" in values:
        parts.append(values["after"])
    known: dict[str, GatePart] = {}
    for part in parts:
        if part.name in known:
            findings.append(repeated(part.name, part.at("as"), known[part.name].at("as")))
        elif part.name:
            known[part.name] = part
    values["set"] = {
        target: _of_part(target, value, known, findings=findings, places=places)
        for target, value in values.get("set", {}).items()
    }
    return True


def _of_part(
    target: str, value: SetValue, known: dict[str, GatePart], *, findings: Findings, places: Places
) -> SetValue:
    if not isinstance(value, Copied):
        return value
    part, dot, path = value.path.partition(".")
    if part in known and dot:
        return replace(value, path=path, part=part)
    findings.append(
        INVALID_VALUE.at(
            Label(places[f"set.{target}"]),
            f"`${value.path}` names no field of a part of the gate",
            help=did_you_mean(part, known)
            or "name the part with `as: build` and write `$build.field`",
        )
    )
    return value


_KINDS: Final = {
    "all": _gate(
        "an all gate", Key("all", "", _several(GateKind.ALL), "every part", required=True)
    ),
    "any": _gate("an any gate", Key("any", "", _several(GateKind.ANY), "any part", required=True)),
    "count": _gate(
        "a count gate", Key("count", "", _counted(), "a part, several times", required=True)
    ),
    "absent": _gate(
        "an absent gate",
        Key("absent", "", _single(GateKind.ABSENT), "what must not come", required=True),
        Key("after", "after", record(GatePart, _PART), "what starts the wait", required=True),
    ),
}

GATES: Final = Shape(
    "a gates file",
    "rules/gates.yaml: the gates of the fleet.",
    [
        Key(
            "gates",
            "gates",
            listing(
                keyed("a gate", _KINDS, lambda gate: str(gate.kind.value)),
                most=MAX_GATES,
                unique=lambda gate: str(gate.name),
            ),
            "the gates",
            required=True,
        )
    ],
)
