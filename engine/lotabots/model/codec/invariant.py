"""``rules/invariants.yaml``: what must always or never hold."""

from __future__ import annotations

from typing import Any, Final

from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, Style, expected
from lotabots.model.codec.collection import listing
from lotabots.model.codec.names import CAPABILITY, EVENT, PAYLOAD_PATH, RESOURCE, SLUG, SOURCE
from lotabots.model.codec.record import keyed, record, shorthand
from lotabots.model.codec.scalar import choice, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.invariant import (
    Holding,
    Invariant,
    InvariantKind,
    Origin,
    Passage,
    Target,
)
from lotabots.syntax.nodes import Node, Scalar

MAX_INVARIANTS: Final = 1024
_GRANTED: Final = ("read", "write", "exec", "network", "secrets")

_EVENT: Final = Key("event", "event", EVENT, "the event type", required=True)
_WHEN: Final = Key("when", "when", prose("a condition"), "the condition on its fields")
_SOURCE: Final = Key(
    "source", "source", SOURCE, "a bot, `gate.<name>`, or a pattern: `*` is any bot", required=True
)
_CATEGORY: Final = Key("category", "category", SLUG, "the bots of this category", required=True)

_EVENT_TARGET: Final = Shape("an event target", "An event that comes about.", [_EVENT, _WHEN])
_POWER: Final = Shape(
    "a capability target",
    "A capability that is exercised.",
    [
        Key("capability", "capability", CAPABILITY, "the capability", required=True),
        Key("on", "on", RESOURCE, "the resource it is exercised on; `*` = any run of characters"),
    ],
)
_ABOUT_EVENT: Final = shorthand(record(Target, _EVENT_TARGET), EVENT, "event", Target)
_ABOUT_POWER: Final = shorthand(record(Target, _POWER), CAPABILITY, "capability", Target)
_TARGET: Final = shorthand(
    keyed(
        "a target",
        {"event": record(Target, _EVENT_TARGET), "capability": record(Target, _POWER)},
        lambda target: "event" if target.event else "capability",
    ),
    EVENT,
    "event",
    Target,
)

_BY_SOURCE: Final = record(Origin, Shape("a source", "Bots, gates or others by name.", [_SOURCE]))
_BY_CATEGORY: Final = record(Origin, Shape("a category", "Bots by category.", [_CATEGORY]))
_BY_EVENT: Final = record(
    Origin, Shape("a first event", "An event with which it begins.", [_EVENT, _WHEN])
)
_WHO: Final = shorthand(
    keyed(
        "a bot or source",
        {"source": _BY_SOURCE, "category": _BY_CATEGORY},
        lambda origin: "source" if origin.source else "category",
    ),
    SOURCE,
    "source",
    Origin,
)
_ORIGIN: Final = shorthand(
    keyed(
        "an origin",
        {"event": _BY_EVENT, "source": _BY_SOURCE, "category": _BY_CATEGORY},
        lambda origin: next(k for k in ("event", "source", "category") if getattr(origin, k)),
    ),
    EVENT,
    "event",
    Origin,
)

_PASSAGE: Final = Shape(
    "a passage",
    "An event that lies on the way.",
    [
        _EVENT,
        _WHEN,
        Key(
            "same",
            "same",
            listing(PAYLOAD_PATH, least=1, most=8, unique=str),
            "payload fields in which it has the values of the target",
        ),
    ],
)
_PASSES: Final = listing(
    shorthand(record(Passage, _PASSAGE), EVENT, "event", Passage), least=1, most=16
)


def _globs() -> Codec[tuple[str, ...]]:
    """One glob, or a list of them."""
    several = listing(prose("a glob"), least=1, most=64, unique=str)

    def read(node: Node, findings: Findings, places: Places, route: str) -> tuple[str, ...] | None:
        if type(node) is not Scalar:
            return several.read(node, findings, places, route)
        text = prose("a glob").read(node, findings, places, route)
        return None if text is None else (text,)

    def write(value: tuple[str, ...], style: Style) -> Any:  # noqa: ANN401 - text or list
        brief = style is Style.SPARSE and len(value) == 1
        return value[0] if brief else several.write(value, style)

    def schema(definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [prose().schema(definitions), several.schema(definitions)]}

    return Codec(read, write, schema)


def _asks_something(
    values: dict[str, Any], node: Node, findings: Findings, _places: Places
) -> bool:
    if any(values.get(kind) for kind in _GRANTED):
        return True
    listed = ", ".join(f"`{kind}`" for kind in _GRANTED)
    expected(node, findings, "a grant", f"write at least one of {listed}")
    return False


_HOLDING: Final = record(
    Holding,
    Shape(
        "a forbidden grant",
        "An action that has a grant of each of these kinds.",
        [
            Key("source", "source", SOURCE, "only of these bots: a name, or `*` for any"),
            Key("category", "category", SLUG, "only of the bots of this category"),
            Key("read", "read", _globs(), "a glob of what it may read, or a list of globs"),
            Key("write", "write", _globs(), "the same of what it may write"),
            Key("exec", "exec", _globs(), "the same of what it may run"),
            Key("network", "network", _globs(), "the same of where it may connect to"),
            Key("secrets", "secrets", _globs(), "the same of the secrets that it gets"),
        ],
    ),
    finish=_asks_something,
)


def _meaning(kind: InvariantKind, attr: str, codec: Codec[Any]) -> Codec[Any]:
    """The value behind the key of `kind`: the attribute `attr`, and with it the kind."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        value = codec.read(node, findings, places, route)
        return None if value is None else {"kind": kind, attr: value}

    def write(invariant: Invariant, style: Style) -> Any:  # noqa: ANN401 - what the codec writes
        return codec.write(getattr(invariant, attr), style)

    return Codec(read, write, codec.schema)


def _one_of() -> Codec[Any]:
    """``passes_one_of``: the same passages, of which one is enough."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        value = _PASSES.read(node, findings, places, route)
        return None if value is None else {"passes": value, "one_of": True}

    def write(invariant: Invariant, style: Style) -> Any:  # noqa: ANN401 - a list
        return _PASSES.write(invariant.passes, style)

    return Codec(read, write, _PASSES.schema)


def _invariant(title: str, kind: InvariantKind, key: Key, *more: Key) -> Codec[Invariant]:
    attr = key.attr
    keys = [
        Key("name", "name", SLUG, "the name, by which findings call it", required=True),
        Key("doc", "doc", prose(), "why it must hold: what would be lost", required=True),
        Key(kind.value, "", _meaning(kind, attr, key.codec), key.doc, required=True),
        *more,
    ]
    return record(Invariant, Shape(title, "What must hold.", keys))


def _paths() -> Codec[Invariant]:
    target = Key("", "target", _TARGET, "the event or capability that comes last")
    variants = {
        "passes": _invariant(
            "an invariant of paths",
            InvariantKind.PATH,
            target,
            Key("passes", "passes", _PASSES, "the events that every way passes", required=True),
        ),
        "passes_one_of": _invariant(
            "an invariant of alternatives",
            InvariantKind.PATH,
            target,
            Key("passes_one_of", "", _one_of(), "every way passes one of these", required=True),
        ),
    }
    select = lambda one: "passes_one_of" if one.one_of else "passes"  # noqa: E731 - beside its keys
    return keyed("an invariant of paths", variants, select)


def _holders(kind: InvariantKind, title: str, doc: str) -> Codec[Invariant]:
    who = Key("", "origins", listing(_WHO, least=1, most=256), doc)
    variants = {
        "may": _invariant(
            f"{title} of capabilities",
            kind,
            who,
            Key("may", "target", _ABOUT_POWER, "the capability that they hold", required=True),
        ),
        "emit": _invariant(
            f"{title} of events",
            kind,
            who,
            Key("emit", "target", _ABOUT_EVENT, "the event that they emit", required=True),
        ),
    }
    return keyed(title, variants, lambda one: "emit" if one.target.event else "may")


def _separate() -> Codec[Invariant]:
    single = Codec[Any](
        lambda node, findings, places, route: (
            None if (one := _ORIGIN.read(node, findings, places, route)) is None else (one,)
        ),
        lambda origins, style: _ORIGIN.write(origins[0], style),
        _ORIGIN.schema,
    )
    return _invariant(
        "an invariant of separation",
        InvariantKind.SEPARATE,
        Key("", "origins", single, "the event, bot or category with which no way may begin"),
        Key("to", "target", _TARGET, "the event or capability not to be reached", required=True),
        Key(
            "unless",
            "unless_approved",
            choice({"approval": True}),
            "`approval` allows ways on which a person has approved",
        ),
    )


_KINDS: Final = {
    InvariantKind.PATH.value: _paths(),
    InvariantKind.APPROVED.value: _invariant(
        "an invariant of approval",
        InvariantKind.APPROVED,
        Key("", "target", _TARGET, "the event or capability that a person must have approved"),
    ),
    InvariantKind.SEPARATE.value: _separate(),
    InvariantKind.ONLY.value: _holders(
        InvariantKind.ONLY, "an exclusive invariant", "the only ones who may"
    ),
    InvariantKind.NEVER.value: _holders(
        InvariantKind.NEVER, "a prohibition", "those who may not; `*` stands for every bot"
    ),
    InvariantKind.GRANTS.value: _invariant(
        "an invariant of grants",
        InvariantKind.GRANTS,
        Key("", "holding", _HOLDING, "grants that no action has together"),
    ),
}

INVARIANTS: Final = Shape(
    "an invariants file",
    "rules/invariants.yaml: what must hold whatever happens; `lotabots validate` proves it.",
    [
        Key(
            "invariants",
            "invariants",
            listing(
                keyed("an invariant", _KINDS, lambda one: str(one.kind.value)),
                most=MAX_INVARIANTS,
                unique=lambda one: str(one.name),
            ),
            "the invariants",
            required=True,
        )
    ],
)
