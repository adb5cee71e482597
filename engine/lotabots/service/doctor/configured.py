"""What ``lotabots.yaml`` names: is it there, is it free. Nothing is connected to."""

from __future__ import annotations

import errno
import shutil
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.model.rollout import serving
from lotabots.service.doctor.item import Item, State
from lotabots.service.granted import variable
from lotabots.service.hosting_config import unknown_environments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lotabots.model.fleet import Fleet
    from lotabots.policy.hosting import Hosted
    from lotabots.service.config import ServiceConfig

SECTION: Final = "lotabots.yaml"
_UNIX: Final = "unix:"


def repositories(config: ServiceConfig) -> Iterator[Item]:
    """The repositories whose pushes become events."""
    if not config.repositories:
        said = "none configured: no push becomes an event"
        yield Item(SECTION, "repositories", State.NOTE, said)
    elif shutil.which("git") is None:
        said = "`git` was not found: no push becomes an event"
        yield Item(SECTION, "repositories", State.PROBLEM, said, "install git")
    for name, path in config.repositories.items():
        if (path / "HEAD").is_file() and (path / "objects").is_dir():
            yield Item(SECTION, "repository", State.GOOD, f"{name}: {path}")
        else:
            cure = f"git init --bare {path}, or name another under `repositories`"
            said = f"{name}: {path} is no bare git repository"
            yield Item(SECTION, "repository", State.WARNING, said, cure)


def places(config: ServiceConfig) -> Iterator[Item]:
    """The folders that grants name."""
    for name, path in config.places.items():
        if path.exists():
            yield Item(SECTION, "place", State.GOOD, f"{name}: {path}")
        else:
            cure = f"mkdir -p {path}, or name another under `places`"
            said = f"{name}: {path} does not exist"
            yield Item(SECTION, "place", State.WARNING, said, cure)


def relays(config: ServiceConfig) -> Iterator[Item]:
    """Where relays lead. Sockets can be looked at; hosts are not asked."""
    for name, way in config.relays.items():
        path = Path(way.removeprefix(_UNIX))
        if not way.startswith(_UNIX):
            yield Item(SECTION, "relay", State.NOTE, f"{name}: {way}, not tried")
        elif path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            yield Item(SECTION, "relay", State.GOOD, f"{name}: {way}")
        else:
            cure = "start who listens there, or name another under `relays`"
            said = f"{name}: {path} is no socket"
            yield Item(SECTION, "relay", State.WARNING, said, cure)


def ports(config: ServiceConfig, fleet: Fleet, *, running: bool) -> Iterator[Item]:
    """The ports of services; if a service is `running`, they are expected to be taken."""
    for fault in unknown_environments(config.services, config.targets, fleet.events):
        yield Item(SECTION, "services", State.PROBLEM, fault, "see docs/hosting.md")
    for one in config.services:
        taken = _taken(one)
        said = f"{one.name} listens on {one.listen}"
        if taken and running:
            yield Item(SECTION, "port", State.NOTE, f"{said}: taken, and a service runs here")
        elif taken:
            cure = "end who listens there, or choose another port"
            yield Item(SECTION, "port", State.PROBLEM, f"{said}: {taken}", cure)
        else:
            yield Item(SECTION, "port", State.GOOD, f"{said}: free")


def secrets(fleet: Fleet, known: Collection[str]) -> Item | None:
    """The secrets that bots are granted, by name only; None if no bot is granted any."""
    wanted = {name for bot in serving(fleet) for act in bot.actions for name in act.grants.secrets}
    missing = sorted(name for name in wanted if name not in known)
    if missing:
        cure = f"set {', '.join(map(variable, missing))}"
        return Item(SECTION, "secrets", State.WARNING, f"not set: {', '.join(missing)}", cure)
    if wanted:
        return Item(SECTION, "secrets", State.GOOD, f"set: {', '.join(sorted(wanted))}")
    return None


def _taken(one: Hosted) -> str:
    """Why the address cannot be listened on; empty if it can."""
    host, _, port = one.listen.rpartition(":")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
    except socket.gaierror:
        return ""  # a name: to look it up could ask the network
    with socket.socket(family, kind, proto) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return "taken" if taken else (error.strerror or str(error)).lower()
    return ""
