"""What the host says of a service: its status, what a promotion did, why something is not done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lotabots.policy import hosting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.policy.hosting import Book, Hosted, Release


CODES: Final = {
    403: "wrong-door",
    404: "unknown",
    409: "wrong-state",
    413: "too-large",
    422: "not-taken",
    500: "host-failed",
    503: "host-failed",
}
"""What a refusal is known by where it has no code of its own, by the status of HTTP."""


class DeclinedError(Exception):
    """The host does not do that; `status` is the one of HTTP, `log` the end of a program's.

    INVARIANT: the message holds no text of the system's: that names files of this machine.
    """

    def __init__(self, status: int, message: str, *, code: str = "", log: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code or CODES[status]
        self.log = log


class Running(NamedTuple):
    """What runs at the moment: the releases, and how many instances of the active one."""

    releases: frozenset[str]
    instances: int


def status(hosted: Hosted, book: Book, running: Running) -> dict[str, Any]:
    """The answer to the verb `status`."""
    return {
        "service": hosted.service,
        "environment": hosted.environment,
        "active": book.active or None,
        "instances": running.instances,
        "wanted": hosting.wanted(hosted, book),
        "until": book.until or None,
        "bounds": {"min": hosted.least, "max": hosted.most},
        "health": hosted.health,
        "listen": hosted.listen,
        "back": hosting.back_from(book, book.active) or None,
        "releases": [_row(one, book, running.releases) for one in hosting.listed(book)],
    }


def promoted(
    active: str, previous: str, switch_s: float = 0.0, drain_s: float = 0.0
) -> dict[str, Any]:
    """The answer to the verb `promote`."""
    return {
        "active": active,
        "previous": previous or None,
        "switch_ms": round(switch_s * 1000, 3),
        "drain_ms": round(drain_s * 1000, 3),
    }


def _row(one: Release, book: Book, running: frozenset[str]) -> Mapping[str, Any]:
    return {
        "release": one.name,
        "state": hosting.state(book, one.name, running).value,
        "promoted": bool(one.order),
        "artifact": one.artifact,
        "change": one.change,
        "job": one.job,
        "at": one.at,
        "reason": one.withdrawn or one.discarded,
    }
