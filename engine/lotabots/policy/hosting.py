"""What the host may do with releases: decided from the history, the doors and the configuration.

A service in an environment has a history, one line for each step. Everything that must survive a
crash is derived from it; what runs at the moment is the only other thing that a decision asks for.
Refusals are sentences that name the cure; an empty one means yes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lotabots.policy.doors import Door

KEPT: Final = 5
"""Releases to go back to whose folders stay, besides those in use; and as many others."""

SHORTEST_LEASE_S: Final = 60
LONGEST_LEASE_S: Final = 7 * 24 * 3600
"""For how long there may be more instances than declared before it is asked for again."""

PROCESSES: Final = 64
"""Processes and threads of one instance, where nothing else is configured."""

LISTED: Final = 50
"""Releases that a status shows at most."""

_SHORT: Final = 12


class State(StrEnum):
    """What a release is at the moment."""

    CANDIDATE = "candidate"
    """It runs and gets no requests."""

    ACTIVE = "active"
    SPARE = "spare"
    """It was active and still runs, for a quick way back."""

    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    """It was active and turned out bad; nobody can promote it again."""

    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A service in an environment, as the operator configured it.

    `run` is a console script of the wheel and its arguments, with one space between and
    ``{port}`` for the port to serve on, `connections` how many the front has to one instance at
    once (fewer than `processes`, for it may take a thread for each), `capacity` the requests a
    second that one instance is meant to serve, `watch` the seconds for which a new release is
    looked at closely, `latency_ms` and `error_ratio` the mean latency and the share of errors
    beyond which it is bad whatever was usual before (None: any).
    """

    service: str
    environment: str
    run: str
    listen: str
    health: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 256
    processes: int = PROCESSES
    connections: int = PROCESSES // 2
    least: int = 1
    most: int = 1
    capacity: int = 100
    watch: int = 600
    latency_ms: int | None = None
    error_ratio: float | None = None

    @property
    def name(self) -> str:
        """The name as a target."""
        return f"{self.service}.{self.environment}"

    @property
    def address(self) -> tuple[str, int]:
        """Where the front listens: host and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to look at that is not hosted here."""

    name: str
    url: str
    health: str = "/"
    service: str = ""
    environment: str = ""


class Line(Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a history.

    ``sealed`` has all of `artifact`, `tree`, `change`, `job`; ``promoted`` may withdraw the
    release before, as the same step; ``discarded`` and ``withdrew`` have a `reason`; ``pruned``
    says that the folder is gone, ``scaled`` how many `instances` there should be, and `until` when.
    """

    at: str
    verb: str
    release: str = ""
    artifact: str = ""
    tree: str = ""
    change: str = ""
    job: str = ""
    withdrew: str = ""
    reason: str = ""
    instances: int = 0
    until: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """What the history says about one release; `order` counts first promotions, 0 is none."""

    name: str
    artifact: str
    tree: str
    change: str
    job: str
    at: str
    order: int = 0
    withdrawn: str | None = None
    discarded: str | None = None
    pruned: bool = False

    @property
    def number(self) -> int:
        """The count in the name."""
        return int(self.name.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Book:
    """A history, read. `spare` is the release that was active before and may still run.

    `until` is when the number of `instances` ends that was asked for; empty if it does not.
    """

    releases: Mapping[str, Release] = field(default_factory=dict)
    active: str = ""
    spare: str = ""
    instances: int = 0
    until: str = ""
    length: int = 0


def read(lines: Iterable[Line]) -> Book:
    """The history that `lines` are."""
    book = Book()
    for line in lines:
        book = add(book, line)
    return book


def add(book: Book, line: Line) -> Book:
    """The history with one more step. Steps of unknown releases and verbs change nothing."""
    book = replace(book, length=book.length + 1)
    if line.verb == "sealed":
        made = Release(line.release, line.artifact, line.tree, line.change, line.job, line.at)
        return _with(book, made)
    if line.verb == "scaled":
        return replace(book, instances=line.instances, until=line.until)
    known = book.releases.get(line.release)
    if known is not None and line.verb == "promoted":
        book = _promoted(book, known, line)
    elif known is not None and line.verb == "discarded":
        book = _with(book, replace(known, discarded=line.reason))
    elif known is not None and line.verb == "pruned":
        book = _with(book, replace(known, pruned=True))
    return book


def state(book: Book, release: str, running: Collection[str]) -> State:
    """What `release` is, when the processes of `running` are there."""
    known = book.releases[release]
    if known.discarded is not None:
        return State.DISCARDED
    if known.withdrawn is not None:
        return State.WITHDRAWN
    if release == book.active:
        return State.ACTIVE
    if release not in running:
        return State.STOPPED
    return State.SPARE if release == book.spare else State.CANDIDATE


def listed(book: Book) -> list[Release]:
    """The releases that are still there, and those that were bad, newest first.

    However many failed since, those in use and where a rollback would go are among them.
    """
    there = [
        one
        for one in book.releases.values()
        if not one.pruned or one.discarded is not None or one.withdrawn is not None
    ]
    needed = _needed(book)
    there.sort(key=lambda one: (one.name not in needed, -one.number))
    return sorted(there[:LISTED], key=lambda one: -one.number)


def new_name(book: Book, artifact: str) -> str:
    """The name of the next release, made of `artifact` (``sha256:<hex>``).

    >>> new_name(Book(), "sha256:" + "ab" * 32)
    '1-abababababab'
    """
    number = max((one.number for one in book.releases.values()), default=0) + 1
    return f"{number}-{artifact.partition(':')[2][:_SHORT]}"


def made_by(book: Book, job: str) -> Release | None:
    """The release that `job` made, if it did."""
    return next((one for one in book.releases.values() if job and one.job == job), None)


def back_from(book: Book, release: str) -> str:
    """Where a rollback from `release` goes: the newest promoted before it that is not bad.

    Empty if there is none. The order is that of the first promotions, so that going back twice
    never goes round in a circle.
    """
    known = book.releases.get(release)
    if known is None or not known.order:
        return ""
    before = [one for one in _can_return(book) if one.order < known.order]
    return max(before, key=lambda one: one.order).name if before else ""


def no_start(book: Book, release: str) -> str:
    """Why `release` cannot be started for a way back."""
    return _unusable(book, release) or _never_promoted(book, release)


def no_promotion(  # noqa: PLR0911 - one return for each reason
    book: Book, release: str, *, door: Door, running: Collection[str], withdraw: str = ""
) -> str:
    """Why `release` cannot be made active through `door`, withdrawing what is active now."""
    if refusal := _unusable(book, release):
        return refusal
    if withdraw and not door.goes_back:
        return "only a rollback withdraws a release; leave `withdraw` out"
    if door.goes_back:
        if refusal := _never_promoted(book, release):
            return refusal
    elif book.releases[release].order and release != book.active:
        return f"`{release}` was active before; going back is for the door `rollback`"
    if withdraw and withdraw != book.active:
        return f"`{withdraw}` is not active any more (`{book.active or 'nothing'}` is)"
    if release == book.active:
        return f"`{release}` is active" if withdraw else ""
    return "" if release in running else f"`{release}` does not run; start it first"


def no_discard(book: Book, release: str) -> str:
    """Why `release` cannot be thrown away."""
    if release not in book.releases:
        return _unknown(release)
    if release == book.active:
        return f"`{release}` is active; promote another first"
    if book.releases[release].order:
        return f"`{release}` was active before and stays for a way back"
    return ""


def no_scaling(hosted: Hosted, instances: int, *, for_s: int) -> str:
    """Why there cannot be so many instances, or not for so many seconds."""
    if not SHORTEST_LEASE_S <= for_s <= LONGEST_LEASE_S:
        return f"`for_s` must be from {SHORTEST_LEASE_S} to {LONGEST_LEASE_S} seconds, not {for_s}"
    if hosted.least <= instances <= hosted.most:
        return ""
    bounds = f"{hosted.least} to {hosted.most}"
    return f"`{hosted.name}` may have {bounds} instances, not {instances}; see lotabots.yaml"


def wanted(hosted: Hosted, book: Book) -> int:
    """How many instances the active release should have: what was asked, within the bounds."""
    return min(max(book.instances, hosted.least), hosted.most)


def superfluous(book: Book, running: Collection[str], *, keep: int = KEPT) -> tuple[str, ...]:
    """The releases whose folders can go, oldest first.

    Never one that is active, runs, or is where a rollback would go; else all but the newest
    `keep` that one can go back to, the newest `keep` others, and what was discarded. They are
    counted apart, so that nobody removes the ways back by releasing what never gets active.
    """
    there = sorted(
        (one for one in book.releases.values() if not one.pruned), key=lambda one: -one.number
    )
    ways = [one for one in there if one.order and one.withdrawn is None]
    others = [one for one in there if one not in ways and one.discarded is None]
    stay = {*running, *_needed(book), *(one.name for one in (*ways[:keep], *others[:keep]))}
    return tuple(one.name for one in reversed(there) if one.name not in stay)


def _needed(book: Book) -> frozenset[str]:
    return frozenset({book.active, book.spare, back_from(book, book.active)})


def _promoted(book: Book, known: Release, line: Line) -> Book:
    first = known.order or 1 + max(one.order for one in book.releases.values())
    before = book.active if book.active != known.name else book.spare
    book = _with(book, replace(known, order=first))
    bad = book.releases.get(line.withdrew)
    if bad is not None:
        book = _with(book, replace(bad, withdrawn=line.reason))
        if before == bad.name:
            before = book.spare if book.spare != known.name else ""
    return replace(book, active=known.name, spare=before)


def _with(book: Book, release: Release) -> Book:
    return replace(book, releases={**book.releases, release.name: release})


def _can_return(book: Book) -> Iterator[Release]:
    for one in book.releases.values():
        if one.order and one.withdrawn is None and one.discarded is None and not one.pruned:
            yield one


def _unknown(release: str) -> str:
    return f"there is no release `{release[:64]}` of this service here; ask for the status"


def _unusable(book: Book, release: str) -> str:
    known = book.releases.get(release)
    if known is None:
        return _unknown(release)
    if known.discarded is not None:
        return f"`{release}` was discarded: {known.discarded or 'no reason given'}"
    if known.withdrawn is not None:
        return f"`{release}` was withdrawn: {known.withdrawn or 'no reason given'}"
    if known.pruned:
        return f"the folder of `{release}` was removed; deploy its artifact again"
    return ""


def _never_promoted(book: Book, release: str) -> str:
    if book.releases[release].order:
        return ""
    return f"`{release}` was never active; a rollback goes only to what was"
