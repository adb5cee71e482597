"""The doors of the host: what can be asked of it, and through which door.

Refusals are sentences that name the cure; an empty one means yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verb(StrEnum):
    """What can be asked of the host."""

    STATUS = "status"
    RELEASE = "release"
    START = "start"
    CHECK = "check"
    PROMOTE = "promote"
    DISCARD = "discard"
    SCALE = "scale"
    TARGETS = "targets"
    PROBE = "probe"
    METRICS = "metrics"


CHANGING: Final = frozenset(
    {Verb.RELEASE, Verb.START, Verb.PROMOTE, Verb.DISCARD, Verb.SCALE},
)
"""Verbs that change something, and so are recorded."""


@dataclass(frozen=True, slots=True)
class Door:
    """A way to the host, with its verbs; an empty `environment` means all."""

    name: str
    verbs: frozenset[Verb]
    environment: str = ""

    @property
    def goes_back(self) -> bool:
        """Whether this door promotes only what was promoted before; others only what was not."""
        return Verb.START in self.verbs


def doors(environments: Iterable[str]) -> tuple[Door, ...]:
    """All doors of a host with these environments.

    >>> [door.name for door in doors(["staging"])]
    ['deploy-staging', 'rollback', 'monitor', 'scale']
    """
    deploy = frozenset({Verb.STATUS, Verb.RELEASE, Verb.CHECK, Verb.PROMOTE, Verb.DISCARD})
    back = frozenset({Verb.STATUS, Verb.START, Verb.CHECK, Verb.PROMOTE})
    look = frozenset({Verb.STATUS, Verb.TARGETS, Verb.PROBE, Verb.METRICS})
    return (
        *(Door(f"deploy-{name}", deploy, name) for name in sorted(set(environments))),
        Door("rollback", back),
        Door("monitor", look),
        Door("scale", frozenset({Verb.STATUS, Verb.SCALE})),
    )


def closed(door: Door, verb: Verb, environment: str = "") -> str:
    """Why `door` does not let `verb` through."""
    if verb not in door.verbs:
        open_for = ", ".join(sorted(door.verbs))
        return f"the door `{door.name}` is not for `{verb}`; it is for {open_for}"
    if door.environment and environment != door.environment:
        return f"the door `{door.name}` is for `{door.environment}` only"
    return ""
