"""Where the fields of a condition stand in the type of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.model.event import EnumType, Field, IntegerType, ObjectType

if TYPE_CHECKING:
    from lotabots.model.event import PayloadType

Names = tuple[str, ...]
"""A dotted path in parts."""


class Found(NamedTuple):
    """A declared field; `optional` are the steps of its path that may be absent, outermost first.

    The field is present exactly if the last of them is.
    """

    type: PayloadType
    optional: tuple[Names, ...]


class NotFound(NamedTuple):
    """A path that leads nowhere: `parent` (at `names[:depth]`) has no member `names[depth]`."""

    parent: PayloadType
    depth: int


_EVENT = ObjectType(
    (
        Field("priority", EnumType(("high", "medium", "low"))),
        Field("attempt", IntegerType(minimum=1)),
        Field("hops", IntegerType(minimum=0)),
    )
)


def root_type(payload: ObjectType) -> ObjectType:
    """The type of all that a condition can read: the event's payload and its stamped members."""
    return ObjectType((Field("payload", payload), Field("event", _EVENT)))


def find(root: ObjectType, names: Names) -> Found | NotFound:
    """The field at the path `names` below `root`."""
    current: PayloadType = root
    optional: list[Names] = []
    for depth, name in enumerate(names):
        member = current.field(name) if isinstance(current, ObjectType) else None
        if member is None:
            return NotFound(current, depth)
        if member.optional:
            optional.append(names[: depth + 1])
        current = member.type
    return Found(current, tuple(optional))
