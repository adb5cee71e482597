"""A nats-server that somebody else runs: is it fit, and does it keep bots apart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Final

from nats.errors import Error as NatsError

from lotabots.adapters.nats.connection import SetupError, connect
from lotabots.adapters.nats.keys import read_seed
from lotabots.diagnostics.words import counted
from lotabots.policy.project_broker import users
from lotabots.service.doctor.host import SERVER
from lotabots.service.doctor.item import Item, State
from lotabots.service.folder import StateFolder
from lotabots.service.isolation import CURE, prove_isolation
from lotabots.service.links import Links

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nats.aio.client import Client

    from lotabots.model.fleet import Fleet
    from lotabots.service.config import ServiceConfig

SECTION: Final = "server"
PAYLOAD: Final = 10**6
"""Bytes of the largest message; `lotabots nats config` says ``1MB``."""

_WAIT_S: Final = 10
_TRIAL_S: Final = 60
_API: Final = "$JS.API.INFO"


async def server(url: str, fleet: Fleet, config: ServiceConfig) -> AsyncIterator[Item]:
    """Connect to `url` as everybody who will, and try what bots must not be able to do."""
    keys = StateFolder(config.state).keys
    everybody = [user.name for user in users(fleet, config.outside)]
    missing = [name for name in everybody if not (keys / f"{name}.nk").exists()]
    if missing:
        found = f"{counted(len(missing), 'identity', many='identities')} without a key, so {url} "
        found += "cannot know them"
        yield Item(SECTION, "identities", State.PROBLEM, found, f"{CURE}: it makes the keys")
        return
    try:
        async with asyncio.timeout(_WAIT_S):
            yield await _fitness(url, read_seed(keys, "admin"))
    except (NatsError, OSError, TimeoutError) as error:
        found = f"no connection to {url}: {_reason(error)}"
        cure = f"see that it runs, and {CURE}"
        yield Item(SECTION, "connection", State.PROBLEM, found, cure)
        return
    strangers = await _strangers(url, keys, everybody)
    yield _identities(strangers, everybody)
    if strangers:
        found = "not proved, since not everybody is let in"
        yield Item(SECTION, "permissions", State.PROBLEM, found, CURE)
        return
    yield await _permissions(url, fleet, config)


async def _fitness(url: str, seed: str) -> Item:
    client = await connect(url, user="admin", seed=seed, patient=False)
    try:
        version, lacks = client.connected_server_version, await _lacks(client)
    finally:
        await client.close()
    found = f"{url}, nats-server {version.major}.{version.minor}.{version.patch}"
    if lacks:
        return Item(SECTION, "connection", State.PROBLEM, f"{found}: {lacks}", CURE)
    return Item(SECTION, "connection", State.GOOD, f"{found}, with JetStream")


async def _lacks(client: Client) -> str:
    version = client.connected_server_version
    if (version.major, version.minor) < SERVER:
        return f"{'.'.join(map(str, SERVER))} or newer is needed"
    if client.max_payload < PAYLOAD:
        return f"messages of at most {client.max_payload} bytes, {PAYLOAD} are needed"
    try:
        said = json.loads((await client.request(_API, timeout=_WAIT_S)).data)
    except (NatsError, TimeoutError):
        return "no JetStream for us"
    return str(said["error"].get("description")) if "error" in said else ""


async def _strangers(url: str, keys: Path, everybody: list[str]) -> list[str]:
    """Whom the server does not let in."""
    refused = []
    for name in everybody:
        try:
            async with asyncio.timeout(_WAIT_S):
                client = await connect(url, user=name, seed=read_seed(keys, name), patient=False)
                await client.close()
        except (NatsError, OSError, TimeoutError):
            refused.append(name)
    return refused


def _identities(strangers: list[str], everybody: list[str]) -> Item:
    if strangers:
        found = f"{len(strangers)} of {len(everybody)} are not let in: {', '.join(strangers)}"
        return Item(SECTION, "identities", State.PROBLEM, found, CURE)
    return Item(SECTION, "identities", State.GOOD, f"all {len(everybody)} are let in")


async def _permissions(url: str, fleet: Fleet, config: ServiceConfig) -> Item:
    """What `run` proves at its start, by the same trial."""
    keys = StateFolder(config.state).keys
    try:
        async with asyncio.timeout(_TRIAL_S), contextlib.AsyncExitStack() as tried:
            await prove_isolation(Links(url, keys, tried), fleet, config.outside)
    except SetupError as error:
        found = str(error).removesuffix(f"; {CURE}")
        return Item(SECTION, "permissions", State.PROBLEM, found, CURE)
    except (NatsError, OSError, TimeoutError) as error:
        found = f"not proved: {_reason(error)}"
        return Item(SECTION, "permissions", State.PROBLEM, found, f"see that {url} runs, try again")
    found = "nobody was let say what the rules do not, or order in another's name"
    return Item(SECTION, "permissions", State.GOOD, found)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error).removeprefix("nats: ") or type(error).__name__
