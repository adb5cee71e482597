"""``rules/events.yaml``: the event catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.diagnostics.codes import DUPLICATE_NAME
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import Codec, Findings, Places, Style
from lotabots.model.codec.collection import listing, table
from lotabots.model.codec.named import named_table
from lotabots.model.codec.names import EVENT, SLUG, SOURCE
from lotabots.model.codec.naming import Naming
from lotabots.model.codec.payload import EXPRESSION, MEMBERS, TYPE_NAME, ObjectDraft
from lotabots.model.codec.scalar import boolean, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.codec.spelling import SCALARS
from lotabots.model.event import BUILT_IN, ArtifactKind, EventType
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span
    from lotabots.syntax.nodes import Node

MAX_EVENTS: Final = 4096
EMPTY: Final = ObjectDraft()


class EventEntry(Record, kw_only=True):
    """An event type whose payload may still name other types."""

    name: str
    doc: str = ""
    emitters: tuple[str, ...] = ()
    external: bool = False
    terminal: bool = False
    approval: bool = False
    payload: ObjectDraft = EMPTY
    open: bool = False


def _openness() -> Codec[dict[str, bool]]:
    flag = boolean()

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, bool] | None:
        value = flag.read(node, findings, places, route)
        return None if value is None else {"open": value}

    def write(event: Any, style: Style) -> bool | None:  # noqa: ANN401 - an event type
        return event.payload.open or (False if style is Style.FULL else None)

    return Codec(read, write, flag.schema)


_EVENT: Final = Shape(
    "an event type",
    "A kind of event, who may emit it, and what its payload is.",
    [
        Key("doc", "doc", prose(), "what happened when this event is sent"),
        Key(
            "emitters",
            "emitters",
            listing(SOURCE, unique=str),
            "who may emit it: bots, `gate.<name>`, patterns such as `cli.*`",
        ),
        Key("external", "external", boolean(), "whether it comes from outside the fleet"),
        Key("terminal", "terminal", boolean(), "whether nobody needs to consume it"),
        Key("approval", "approval", boolean(), "whether it is a person's decision"),
        Key("payload", "payload", MEMBERS, "the members of the payload; `?` = optional"),
        Key("open", "", _openness(), "whether unknown members of the payload are let through"),
    ],
)
_ARTIFACT: Final = Shape(
    "an artifact kind",
    "A kind of file that travels by digest.",
    [
        Key("doc", "doc", prose(), "what it is"),
        Key("external", "external", boolean(), "whether it comes from outside the fleet"),
    ],
)

EVENTS: Final = Shape(
    "an events file",
    "rules/events.yaml: every event type of the fleet.",
    [
        Key("types", "types", table(TYPE_NAME, EXPRESSION, most=MAX_EVENTS), "named payload types"),
        Key(
            "artifacts",
            "artifacts",
            named_table(ArtifactKind, _ARTIFACT, SLUG, short=prose(), most=MAX_EVENTS),
            "kinds of artifacts: a sentence, or `doc` and `external`",
        ),
        Key(
            "events",
            "events",
            named_table(EventEntry, _EVENT, EVENT, most=MAX_EVENTS),
            "the event types by name",
            required=True,
        ),
    ],
)


def catalogue(
    values: dict[str, Any], places: Mapping[str, Span], findings: Findings
) -> dict[str, EventType]:
    """The event types of a file that was read, with those that are built in."""
    types = dict(values.get("types", {}))
    for word in sorted(SCALARS.keys() & types.keys()):
        _taken(word, "type", places[f"types.{word}"], findings)
        del types[word]
    naming = Naming(types, findings)
    entries: dict[str, EventEntry] = values.get("events", {})
    events = {name: _event(entry, naming) for name, entry in entries.items()}
    for name in sorted(BUILT_IN.keys() & events.keys()):
        _taken(name, "event", events[name].span, findings)
    return {name: (BUILT_IN.get(name) or events[name]) for name in sorted({**events, **BUILT_IN})}


def _event(entry: EventEntry, naming: Naming) -> EventType:
    draft = ObjectDraft(entry.payload.members, entry.open)
    return EventType(
        name=entry.name,
        doc=entry.doc,
        emitters=entry.emitters,
        external=entry.external,
        terminal=entry.terminal,
        approval=entry.approval,
        payload=naming.payload(draft, entry.at("payload")),
        span=entry.span,
        places=entry.places,
    )


def _taken(name: str, kind: str, span: Span, findings: Findings) -> None:
    message = f"the {kind} `{name}` is built in"
    cure = "remove it, or give it another name"
    findings.append(DUPLICATE_NAME.at(Label(span), message, help=cure))
