"""The host: everything that is hosted on this machine, behind its doors.

One object composes it; the service layer starts it as the role `host`. Only one host can own the
state folder. What must be on record is handed to `record`, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from lotabots.adapters.executor.output import Secrets
from lotabots.adapters.hosting.asking import ask
from lotabots.adapters.hosting.descriptors import limits_of
from lotabots.adapters.hosting.doors import Doorway
from lotabots.adapters.hosting.instances import CHECK_S
from lotabots.adapters.hosting.journal import LOGS, Journals
from lotabots.adapters.hosting.measures import Where, prometheus
from lotabots.adapters.hosting.releases import HOSTING, PRIVATE, HostError, Shelf, incoming
from lotabots.adapters.hosting.replies import DeclinedError
from lotabots.adapters.hosting.site import Site
from lotabots.policy.doors import doors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.policy.hosting import Hosted, Target
    from lotabots.runtime.ports import Clock

DOORS: Final = "doors"


class Recorder(Protocol):
    """Where the host puts on record what it did, and what it refused."""

    @property
    def full(self) -> bool:
        """Whether nothing more can be recorded now, so that nothing may be done either."""

    def __call__(self, verb: str, about: Mapping[str, Any], /) -> None:
        """Put on record; never waits."""


class Plan(NamedTuple):
    """What to host and what else to look at; no log shows the values of `secrets`."""

    services: Sequence[Hosted]
    targets: Sequence[Target] = ()
    secrets: Mapping[str, str] = MappingProxyType({})


class Host:
    """Runs the services of `plan` with the state folder `state` for as long as the context lasts.

    At its start each service runs what its history says is active; at its end nothing is left.
    """

    def __init__(
        self, state: Path, plan: Plan, *, sandbox: Sandbox, clock: Clock, record: Recorder
    ) -> None:
        self.state = state
        self.plan = plan
        self.record = record
        self.sites: dict[tuple[str, str], Site] = {}
        self._sandbox = sandbox
        self._clock = clock
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start everything.

        Raises:
            HostError: another host has the state folder, or an address is taken.
            ShelfError: a history is damaged.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End everything: first the doors, then the fronts, then the releases."""
        await self._stack.aclose()

    def site(self, service: str, environment: str) -> Site:
        """The service in an environment.

        Raises:
            DeclinedError: it is not hosted here.
        """
        site = self.sites.get((service, environment))
        if site is None:
            there = ", ".join(f"`{one.hosted.name}`" for one in self.sites.values()) or "nothing"
            asked = f"{service[:64]}.{environment[:64]}"
            raise DeclinedError(404, f"`{asked}` is not hosted here; there is {there}")
        return site

    def door(self, name: str) -> Path:
        """The socket of a door."""
        return self.state / DOORS / f"{name}.sock"

    def targets(self) -> list[dict[str, Any]]:
        """What can be probed: the hosted services, and the configured targets."""
        return [
            *(_hosted_target(site) for site in self.sites.values()),
            *(_target(one) for one in self.plan.targets),
        ]

    async def probe(self, name: str) -> dict[str, Any]:
        """One GET of the health path of a target, as its clients would.

        Raises:
            DeclinedError: there is no such target.
        """
        for site in self.sites.values():
            if site.hosted.name == name:
                return (await site.front.probe(site.hosted.health, within_s=CHECK_S))._asdict()
        for one in self.plan.targets:
            if one.name == name:
                where = urlsplit(one.url)
                host, port = where.hostname or "", where.port or 80
                return (await ask(host, port, one.health, within_s=CHECK_S))._asdict()
        raise DeclinedError(404, f"there is no target `{name[:64]}`; ask for the targets")

    def metrics(self) -> str:
        """The numbers of all fronts, as text for Prometheus."""
        fronts = {
            Where(site.hosted.service, site.hosted.environment): site.front.measures
            for site in self.sites.values()
        }
        return prometheus(fronts) + "".join(_instances(self.sites.values()))

    async def _start(self) -> None:
        home = self.state / HOSTING
        for folder in (home, self.state / DOORS):
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        self._stack.callback(os.close, _lock(home))
        limits = limits_of(len(self.plan.services))
        journals = await self._stack.enter_async_context(self._journals())
        for hosted in self.plan.services:
            shelf = await asyncio.to_thread(self._shelf, hosted)
            site = Site(hosted, shelf, self._sandbox, journals, self._clock, self.record, limits)
            self.sites[hosted.service, hosted.environment] = site
            self._stack.push_async_callback(site.stop)
        await asyncio.gather(*(self._open(site) for site in self.sites.values()))
        for door in doors(one.environment for one in self.plan.services):
            doorway = Doorway(door, self)
            self._stack.push_async_callback(doorway.close)
            await doorway.open(self.door(door.name))
        self._stack.callback(self._note, "stopped")
        self._note("started")

    def _journals(self) -> Journals:
        secrets = Secrets(self.plan.secrets)
        return Journals(self.state / LOGS, clock=self._clock, secrets=secrets)

    def _note(self, verb: str) -> None:
        """Put on record what runs, and what the histories say: a line that is missing shows."""
        sites = {site.hosted.name: site.summary() for site in self.sites.values()}
        self.record(verb, {"services": sites})

    def _shelf(self, hosted: Hosted) -> Shelf:
        trees = incoming(self.state, hosted.environment)
        return Shelf(trees.parent / hosted.service, trees, clock=self._clock)

    async def _open(self, site: Site) -> None:
        try:
            await site.start()
        except OSError as error:
            where = f"`{site.hosted.name}` cannot listen on {site.hosted.listen}"
            raise HostError(f"{where}: {error.strerror or error}") from error


def _lock(home: Path) -> int:
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise HostError(f"another host runs with {home}; only one can") from error
    return descriptor


def _hosted_target(site: Site) -> dict[str, Any]:
    hosted = site.hosted
    return {
        "name": hosted.name,
        "service": hosted.service,
        "environment": hosted.environment,
        "release": site.book.active or None,
        "health": hosted.health,
        "watch_s": hosted.watch,
        "capacity": hosted.capacity,
        "instances": site.instances,
        "listen": hosted.listen,
        "objectives": {"latency_ms": hosted.latency_ms, "error_ratio": hosted.error_ratio},
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "service": target.service,
        "environment": target.environment,
        "release": None,
        "health": target.health,
        "watch_s": 0,
        "capacity": None,
        "instances": None,
        "listen": target.url,
    }


def _instances(sites: Iterable[Site]) -> list[str]:
    name = "lotabots_front_instances"
    lines = [f"# HELP {name} Running instances of the active release.\n", f"# TYPE {name} gauge\n"]
    for site in sites:
        labels = f'service="{site.hosted.service}",environment="{site.hosted.environment}"'
        lines.append(f'{name}{{{labels},release="{site.book.active}"}} {site.instances}\n')
    return lines
