"""One service in one environment: its shelf, its front, and the pools of what runs.

Verbs that change something come one after the other. What a step makes true is in the history
before it has an effect, so a crash at any point leaves what the history says.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lotabots.adapters.executor.exchange import to_the_end
from lotabots.adapters.hosting.front import Front, Listen
from lotabots.adapters.hosting.instances import FailedError, program_of, start
from lotabots.adapters.hosting.lease import Lease
from lotabots.adapters.hosting.limits import Limits
from lotabots.adapters.hosting.pool import Pool
from lotabots.adapters.hosting.releases import Shelf, UnfitError
from lotabots.adapters.hosting.replies import DeclinedError, Running, promoted, status
from lotabots.policy import hosting
from lotabots.policy.hosting import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.adapters.hosting.instances import Instance
    from lotabots.adapters.hosting.journal import Journals
    from lotabots.adapters.hosting.releases import Origin
    from lotabots.policy.doors import Door
    from lotabots.policy.hosting import Book, Hosted, Release
    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

CANDIDATES: Final = 3
"""Candidates that run at once; the oldest is stopped for a fourth."""


class Promotion(NamedTuple):
    """What a promotion is asked with."""

    release: str
    job: str
    withdraw: str = ""
    reason: str = ""


@dataclass(slots=True)
class Site:
    """The service `hosted`; `start` before use, `stop` leaves no process and no listener."""

    hosted: Hosted
    shelf: Shelf
    sandbox: Sandbox
    journals: Journals
    clock: Clock
    record: Callable[[str, Mapping[str, Any]], None]
    limits: Limits = field(default_factory=Limits)
    front: Front = field(init=False)
    _lease: Lease = field(init=False)
    _pools: dict[str, Pool] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        limits = self.limits._replace(per_instance=self.hosted.connections)
        self.front = Front(Listen(*self.hosted.address), limits=limits)
        self._lease = Lease(self.clock, self._take_back)

    @property
    def book(self) -> Book:
        """The history."""
        return self.shelf.book

    @property
    def running(self) -> frozenset[str]:
        """The releases of which an instance runs, and the active one."""
        return frozenset(name for name, pool in self._pools.items() if pool.kept or pool.instances)

    @property
    def instances(self) -> int:
        """Instances of the active release that run."""
        pool = self._pools.get(self.book.active)
        return len(pool.instances) if pool is not None else 0

    async def start(self) -> None:
        """Listen, and run what the history says is active.

        Raises:
            OSError: the address is taken.
        """
        await self.front.start()
        if self._lease.is_over(self.book.until):
            await self._take_back()
        if self.book.active:
            await self._resume(self.book.active)
        self._lease.extend(self.book.until)  # not before: what comes up late is taken back, too

    async def _resume(self, active: str) -> None:
        damage = await asyncio.to_thread(self.shelf.damage, active)
        if damage:
            log.error("release.damaged", extra={"target": self.hosted.name, "why": damage})
            return
        pool = self._pool(active)
        wanted = hosting.wanted(self.hosted, self.book)
        try:
            await pool.grow(wanted)
        except (FailedError, OSError) as error:
            fields = {"target": self.hosted.name, "release": active, "why": str(error)}
            log.error("release.failed", extra=fields)  # noqa: TRY400 - a sentence says it all
            pool.insist(wanted)
        pool.kept = True
        await self._serve()

    async def stop(self) -> None:
        """Stop listening and end all instances."""
        await self._lease.stop()
        await self.front.close()
        async with self._lock:  # who was just starting something takes it back first
            pools, self._pools = list(self._pools.values()), {}
            await asyncio.gather(*(pool.stop() for pool in pools))

    def status(self) -> dict[str, Any]:
        """What there is and what runs."""
        return status(self.hosted, self.book, Running(self.running, self.instances))

    def summary(self) -> dict[str, Any]:
        """What is active, how much of it runs, and what its history is known by."""
        return {
            "active": self.book.active or None,
            "instances": self.instances,
            "steps": self.book.length,
            "history": self.shelf.digest(),
        }

    async def release(self, incoming: str, origin: Origin) -> str:
        """Seal a folder and start it as a candidate; for the same job again, what it made.

        Raises:
            DeclinedError: the folder is no release, or its program does not come up.
        """
        async with self._lock:
            made = hosting.made_by(self.book, origin.job)
            if made is not None:
                await asyncio.to_thread(self.shelf.forget, incoming)
                return await self._again(made, origin)
            try:
                release = await asyncio.to_thread(self.shelf.seal, incoming, origin)
            except UnfitError as error:
                raise DeclinedError(422, str(error)) from error
            await asyncio.to_thread(self.shelf.prune, self.running | {release})
            await self._run(release, job=origin.job)
            return release

    async def start_again(self, release: str, door: Door) -> None:
        """Start a stopped release, as a candidate for the way back.

        Raises:
            DeclinedError: it is not one to go back to, or does not come up.
        """
        async with self._lock:
            self._known(release)
            if refusal := hosting.no_start(self.book, release):
                raise DeclinedError(409, refusal)
            if release not in self.running:
                await self._run(release)
            log.info("release.started", extra={"release": release, "door": door.name})

    async def check(self, release: str) -> dict[str, Any]:
        """One GET of the health path on the first instance of a release."""
        known = self._known(release)
        pool = self._pools.get(release)
        if pool is None or not pool.instances:
            if known.discarded is not None:
                raise DeclinedError(409, f"`{release}` was discarded: {known.discarded}")
            how = f"it ended: {pool.last_words}" if pool and pool.last_words else "it does not run"
            return {"status": 0, "ms": 0.0, "body": how}
        return (await pool.instances[0].ask(self.hosted.health))._asdict()

    async def promote(self, wish: Promotion, door: Door) -> dict[str, Any]:
        """Make a candidate (or what was active before) the release that gets the requests.

        Raises:
            DeclinedError: it may not be, or its instances do not come up; nothing has changed.
        """
        async with self._lock:
            self._known(wish.release)
            refusal = hosting.no_promotion(
                self.book, wish.release, door=door, running=self.running, withdraw=wish.withdraw
            )
            before = self.book.active
            repeated = before == wish.release and self._is_withdrawn(wish.withdraw)
            if refusal and not repeated:
                raise DeclinedError(409, refusal)
            if before == wish.release:
                return promoted(before, self.book.spare or wish.withdraw)
            pool = self._pools[wish.release]
            await _grow(pool, hosting.wanted(self.hosted, self.book))
            return await to_the_end(self._switch(pool, wish, before))

    async def discard(self, release: str, *, job: str, reason: str) -> None:
        """Stop a release that was never active, for good.

        Raises:
            DeclinedError: it was active.
        """
        async with self._lock:
            known = self._known(release)
            if refusal := hosting.no_discard(self.book, release):
                raise DeclinedError(409, refusal)
            if known.discarded is None:
                await self._discard(release, job=job, reason=reason)

    async def scale(self, instances: int, *, job: str, for_s: int) -> dict[str, Any]:
        """Bring the active release to a number of instances, for so many seconds.

        The declared number is the only one that stays.

        Raises:
            DeclinedError: outside the bounds, nothing is active, or they do not come up.
        """
        async with self._lock:
            if refusal := hosting.no_scaling(self.hosted, instances, for_s=for_s):
                raise DeclinedError(422, refusal)
            pool = self._pools.get(self.book.active)
            if pool is None:
                raise DeclinedError(409, "no release is active; deploy one first")
            before = hosting.wanted(self.hosted, self.book)
            until = self._lease.moment(for_s) if instances > self.hosted.least else ""
            if (instances, until) != (before, self.book.until):
                await _grow(pool, instances)
                await self._note_scale(instances, until=until, job=job)
                self._lease.extend(until)
                await self._shrink(pool, instances)
            return {"from": before, "to": instances, "until": until or None}

    async def _take_back(self) -> None:
        """The lease is over: back to the declared number, whatever runs at the moment."""
        async with self._lock:
            if not self._lease.is_over(self.book.until):
                return
            before, declared = hosting.wanted(self.hosted, self.book), self.hosted.least
            await self._note_scale(declared)
            about = {"service": self.hosted.service, "environment": self.hosted.environment}
            self.record("lapsed", {**about, "from": before, "to": declared})
            if pool := self._pools.get(self.book.active):
                await self._shrink(pool, declared)

    async def _note_scale(self, instances: int, *, until: str = "", job: str = "") -> None:
        note = self.shelf.note
        await asyncio.to_thread(note, "scaled", instances=instances, until=until, job=job)

    async def _again(self, made: Release, origin: Origin) -> str:
        if made.artifact != origin.artifact:
            raise DeclinedError(409, f"this job made `{made.name}` of another artifact")
        if made.discarded is not None:
            raise DeclinedError(422, f"this job's release was discarded: {made.discarded}")
        if made.withdrawn is not None or made.pruned:
            raise DeclinedError(409, f"`{made.name}` of this job is not there any more")
        if made.name not in self.running:
            await self._run(made.name, job=origin.job)
        return made.name

    async def _run(self, release: str, *, job: str = "") -> None:
        """Start one instance; a new release that does not come up is discarded."""
        await self._make_room()
        pool = self._pool(release)
        try:
            await self._begin(pool)
        except FailedError as error:
            del self._pools[release]
            if not self.book.releases[release].order and self.sandbox.launcher is not None:
                await self._discard(release, job=job, reason=str(error))
            if self.sandbox.launcher is None:
                raise DeclinedError(503, str(error), code="no-sandbox") from error
            raise DeclinedError(422, str(error), log=error.log) from error

    async def _begin(self, pool: Pool) -> None:
        if damage := await asyncio.to_thread(self.shelf.damage, pool.release):
            raise FailedError(damage)
        await pool.grow(1)

    async def _switch(self, pool: Pool, wish: Promotion, before: str) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        await asyncio.to_thread(
            self.shelf.promote,
            wish.release,
            job=wish.job,
            withdrew=wish.withdraw,
            reason=wish.reason,
        )
        began = clock()
        pool.kept = True
        drain = await self.front.switch(pool.upstreams)
        switched = clock()
        await drain
        drained = clock()
        await self._settle()
        await asyncio.to_thread(self.shelf.prune, self.running)
        return promoted(wish.release, before, switched - began, drained - switched)

    async def _settle(self) -> None:
        """After a promotion: one instance stays of the spare, none of what was withdrawn."""
        book = self.book
        for release in list(self._pools):
            if release == book.spare:
                self._pools[release].kept = True
                await self._pools[release].detach(1).stop()
            elif release != book.active and book.releases[release].order:
                await self._pools.pop(release).stop()

    async def _shrink(self, pool: Pool, number: int) -> None:
        leaving = pool.detach(number)
        drain = await self.front.switch(pool.upstreams)
        await drain
        await leaving.stop()

    async def _discard(self, release: str, *, job: str, reason: str) -> None:
        await asyncio.to_thread(self.shelf.note, "discarded", release, job=job, reason=reason)
        pool = self._pools.pop(release, None)
        if pool is not None:
            await pool.stop()
        await asyncio.to_thread(self.shelf.prune, self.running)

    async def _make_room(self) -> None:
        candidates = [
            name
            for name in self.running
            if hosting.state(self.book, name, self.running) is State.CANDIDATE
        ]
        candidates.sort(key=lambda name: self.book.releases[name].number)
        for release in candidates[: max(0, len(candidates) + 1 - CANDIDATES)]:
            await self._pools.pop(release).stop()

    async def _serve(self) -> None:
        """Let the front know what runs of the active release."""
        pool = self._pools.get(self.book.active)
        await self.front.switch(pool.upstreams if pool is not None else ())

    def _pool(self, release: str) -> Pool:
        journal = self.journals.journal(self.hosted.service, self.hosted.environment, release)

        async def begin() -> Instance:
            folder = self.shelf.place(release)
            program = await asyncio.to_thread(program_of, folder, self.hosted.run)
            return await start(self.hosted, program, self.sandbox, journal)

        async def changed() -> None:
            if release == self.book.active and release in self._pools:
                await self._serve()

        pool = self._pools[release] = Pool(release, begin, changed=changed)
        return pool

    def _known(self, release: str) -> Release:
        known = self.book.releases.get(release)
        if known is None:
            raise DeclinedError(404, f"`{self.hosted.name}` has no release `{release[:64]}`")
        return known

    def _is_withdrawn(self, release: str) -> bool:
        known = self.book.releases.get(release)
        return known is not None and known.withdrawn is not None


async def _grow(pool: Pool, number: int) -> None:
    """Bring a pool to at least `number` instances that run at this moment."""
    text = "not all instances come up, so nothing was changed"
    try:
        await pool.grow(number)
    except FailedError as error:
        raise DeclinedError(503, f"{text}: {error}", code="not-up", log=error.log) from error
    if len(pool.instances) < number:
        ended = f"{text}: one has just ended; check it and ask again"
        raise DeclinedError(503, ended, code="not-up")
