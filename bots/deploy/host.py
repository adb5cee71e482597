"""What DeployBot can ask of the host about one service in one environment.

The host starts, checks and switches; which of it is allowed is decided by the door, not here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from failure import BadError, UnfitError

if TYPE_CHECKING:
    from door import Answer, Door

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
STATES = frozenset({"candidate", "active", "spare", "stopped", "withdrawn", "discarded"})
START_S, SWITCH_S, ASK_S = 40.0, 60.0, 15.0
"""Starting waits for the release to accept connections; switching, until old requests are done."""

TAIL_LINES, MAX_TAIL = 6, 700
OK, CREATED, UNSTARTED = 200, 201, 422


class Release(NamedTuple):
    """A release: the job that made it, whether it ever was in service, why it no longer can be."""

    name: str
    state: str
    job: str
    promoted: bool
    reason: str


class Status(NamedTuple):
    """All releases, the newest first; the one in service, and where a rollback from it goes."""

    active: str | None
    back: str | None
    releases: tuple[Release, ...]

    def find(self, name: str) -> Release | None:
        """The release of that name."""
        return next((one for one in self.releases if one.name == name), None)

    def made_by(self, job: str) -> Release | None:
        """The release that a job made."""
        return next((one for one in self.releases if one.job == job), None)


class Check(NamedTuple):
    """One request to the health path of a release; status 0 if there was no answer."""

    status: int
    body: str
    ms: float

    @property
    def good(self) -> bool:
        """Whether the release says that it is well."""
        return self.status // 100 == 2  # noqa: PLR2004 - 2xx


class Host:
    """The verbs."""

    def __init__(self, door: Door, service: str, environment: str) -> None:
        if NAME.fullmatch(service) is None:
            raise UnfitError(f"`{service:.100}` is no name of a service")
        self._door = door
        self._path = f"/services/{quote(service)}/{quote(environment)}"

    def status(self) -> Status:
        """How things are."""
        said = _done(self._door.ask("GET", self._path, within=ASK_S))
        rows = said.get("releases")
        if not isinstance(rows, list):
            raise UnfitError("the host's answer has no list of releases")
        active, back = _name_or_none(said, "active"), _name_or_none(said, "back")
        return Status(active, back, tuple(_release(row) for row in rows))

    def release(self, incoming: str, *, artifact: str, change: str, job: str) -> str:
        """Hand over a folder, to be sealed and started; the name of the release.

        Raises:
            BadError: it ended, or did not accept connections.
        """
        asked = {"incoming": incoming, "artifact": artifact, "change": change, "job": job}
        answer = self._door.ask("POST", f"{self._path}/releases", asked, within=START_S)
        return _name(_started(answer), "release")

    def start(self, release: str, *, job: str) -> None:
        """Start a release again that was stopped.

        Raises:
            BadError: it ended, or did not accept connections.
        """
        _started(self._door.ask("POST", self._at(release, "start"), {"job": job}, within=START_S))

    def check(self, release: str) -> Check:
        """Have the health path of a release asked for, once."""
        said = _done(self._door.ask("POST", self._at(release, "check"), {}, within=ASK_S))
        status, body, ms = said.get("status"), said.get("body", ""), said.get("ms", 0)
        whole = isinstance(status, int) and not isinstance(status, bool)
        if not whole or not isinstance(body, str) or not isinstance(ms, int | float):
            raise UnfitError("the host's answer is no health check")
        return Check(int(str(status)), body, float(ms))

    def promote(self, release: str, *, job: str, **more: str) -> str | None:
        """Put a release in service; the one that was there before."""
        asked = {"job": job, **more}
        said = _done(self._door.ask("POST", self._at(release, "promote"), asked, within=SWITCH_S))
        if said.get("active") != release:
            raise UnfitError(f"the host did not put `{release}` in service")
        return _name_or_none(said, "previous")

    def discard(self, release: str, *, reason: str, job: str) -> None:
        """Stop a candidate for good."""
        asked = {"reason": reason, "job": job}
        _done(self._door.ask("POST", self._at(release, "discard"), asked, within=ASK_S))

    def _at(self, release: str, verb: str) -> str:
        return f"{self._path}/releases/{quote(release)}/{verb}"


def _done(answer: Answer) -> dict[str, Any]:
    if answer.status not in (OK, CREATED):
        raise UnfitError(_with_log(answer.error, answer))
    return answer.said


def _started(answer: Answer) -> dict[str, Any]:
    if answer.status != UNSTARTED:
        return _done(answer)
    raise BadError(_with_log(str(answer.said.get("error", "it did not start")), answer))


def _with_log(reason: str, answer: Answer) -> str:
    tail = _tail(answer.said.get("log"))
    return f"{reason}; its last words: {tail}" if tail else reason


def _tail(log: object) -> str:
    """The end of a log in one line: what a program says last mostly explains its end."""
    lines = [line.strip() for line in str(log or "").splitlines() if line.strip()]
    return " | ".join(lines[-TAIL_LINES:])[-MAX_TAIL:]


def _release(row: object) -> Release:
    if not isinstance(row, dict) or row.get("state") not in STATES:
        raise UnfitError("the host's answer lists what is no release")
    was, reason = row.get("promoted") is True, str(row.get("reason") or "")
    return Release(_name(row, "release"), row["state"], str(row.get("job")), was, reason)


def _name(said: dict[str, Any], member: str) -> str:
    value = said.get(member)
    if not isinstance(value, str) or NAME.fullmatch(value) is None:
        raise UnfitError(f"the host's answer has no `{member}` that is the name of a release")
    return value


def _name_or_none(said: dict[str, Any], member: str) -> str | None:
    return None if said.get(member) is None else _name(said, member)
