"""What ScalingBot can ask of the host about one service in one environment."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from failure import RefusedError, UnfitError

if TYPE_CHECKING:
    from door import Answer, Door

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
ASK_S, SCALE_S = 10.0, 40.0
"""Scaling waits for new instances to accept connections, and for old ones to end."""

OK = 200


class Status(NamedTuple):
    """How many instances there should be, and the bounds."""

    wanted: int
    least: int
    most: int


class Scaled(NamedTuple):
    """How many there were and are; `until` when they are leased, empty if they stay."""

    before: int
    after: int
    until: str


class Host:
    """The verbs; what is allowed is decided by the door, not here."""

    def __init__(self, door: Door, service: str, environment: str) -> None:
        if NAME.fullmatch(service) is None:
            raise UnfitError(f"`{service:.100}` is no name of a service")
        self._door = door
        self._path = f"/services/{quote(service)}/{quote(environment)}"

    def status(self) -> Status:
        """How things are.

        Raises:
            UnfitError: the host does not say.
        """
        said = _done(self._door.ask("GET", self._path, within=ASK_S))
        bounds = said.get("bounds")
        if not isinstance(bounds, dict):
            raise UnfitError("the host's answer has no bounds")
        found = Status(_count(said, "wanted"), _count(bounds, "min"), _count(bounds, "max"))
        if not found.least <= found.most:
            raise UnfitError("the host's bounds are the wrong way round")
        return found

    def scale(self, instances: int, *, job: str, for_s: int) -> Scaled:
        """Bring the service to a number of instances, for a time.

        Raises:
            UnfitError: the host refused, or did something else.
        """
        asked = {"instances": instances, "job": job, "for_s": for_s}
        said = _done(self._door.ask("POST", f"{self._path}/scale", asked, within=SCALE_S))
        found = Scaled(_count(said, "from"), _count(said, "to"), _moment(said, "until"))
        if found.after != instances:
            raise UnfitError(
                f"the host was asked for {instances} instances, and says {found.after}"
            )
        return found


def _done(answer: Answer) -> dict[str, Any]:
    if answer.status != OK:
        raise RefusedError(answer.error)
    return answer.said


def _count(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if type(value) is not int or not 0 <= value <= 10**6:
        raise UnfitError(f"the host's answer: `{name}` is no count")
    return int(value)


def _moment(said: dict[str, Any], name: str) -> str:
    """A time with its zone; empty if there is none."""
    value = said.get(name)
    if value is None:
        return ""
    try:
        if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None:
            return value
    except ValueError:
        pass
    raise UnfitError(f"the host's answer: `{name}` is no time")
