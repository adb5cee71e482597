"""The event catalogue: every event type the fleet may see, with the type of its payload.

Payload types are a small closed union. Everything is bounded by default, because payloads come
from outside. Numbers are exact decimals: ``number`` never goes through binary floating point.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from lotabots.frozen import Frozen
from lotabots.model.names import SCHEDULE, SCHEDULE_TICK, stands_for_people
from lotabots.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

MAX_TEXT: Final = 4096
MAX_ITEMS: Final = 1000
FORMATS: Final = ("commit", "digest", "email", "timestamp", "uri", "version")
"""Named text formats; free regular expressions are not offered (they can be made to hang)."""


class TextType(Frozen):
    """Text of at most `max_length` characters, in one of `FORMATS` if `format` is given."""

    max_length: int = MAX_TEXT
    format: str = ""


class EnumType(Frozen):
    """One of the given texts."""

    values: tuple[str, ...]


class IntegerType(Frozen):
    """A whole number within inclusive bounds."""

    minimum: int = -MAX_SAFE_INTEGER
    maximum: int = MAX_SAFE_INTEGER


class NumberType(Frozen):
    """An exact decimal number within inclusive bounds (None = unbounded)."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None


class BooleanType(Frozen):
    """``true`` or ``false``."""


class ListType(Frozen):
    """At most `max_items` values of one type."""

    item: PayloadType
    max_items: int = MAX_ITEMS


class Field(Frozen):
    """A member of an object; an optional one may be absent but never null."""

    name: str
    type: PayloadType
    optional: bool = False
    doc: str = ""


class ObjectType(Frozen):
    """A JSON object. Closed unless `open`: unknown members are refused, not ignored."""

    fields: tuple[Field, ...] = ()
    open: bool = False

    def field(self, name: str) -> Field | None:
        """The member called `name`, if declared."""
        for member in self.fields:  # a loop: half the time of `next` over a generator
            if member.name == name:
                return member
        return None


PayloadType = TextType | EnumType | IntegerType | NumberType | BooleanType | ListType | ObjectType


class EventType(Record, kw_only=True):
    """An entry of the catalogue.

    `emitters` are patterns of sources (bot names, ``gate.<name>``, ``cli.*``, ``ingress.github``).
    An `external` event comes from outside the fleet; a `terminal` one needs no consumer; an
    `approval` is a person's decision, and only gates that join one can lift an approval boundary;
    it counts as one only if `from_people`.
    """

    name: str
    doc: str = ""
    emitters: tuple[str, ...] = ()
    external: bool = False
    terminal: bool = False
    approval: bool = False
    payload: ObjectType = ObjectType()

    @property
    def from_people(self) -> bool:
        """Whether somebody may send this event, and nobody who does not stand for people."""
        return bool(self.emitters) and all(map(stands_for_people, self.emitters))


class ArtifactKind(Record, kw_only=True):
    """A kind of file that travels by digest; `external` if it comes from outside the fleet."""

    name: str
    doc: str = ""
    external: bool = False


BUILT_IN: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        SCHEDULE_TICK: EventType(
            name=SCHEDULE_TICK,
            doc="A schedule of the named bot is due",
            emitters=(SCHEDULE,),
            external=True,
            terminal=True,
            payload=ObjectType(
                fields=(
                    Field("action", TextType()),
                    Field("due", TextType(format="timestamp")),
                )
            ),
        )
    }
)
"""Event types that every fleet has. Terminal, because a fleet without schedules consumes none."""
