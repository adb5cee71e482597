"""A nats-server that somebody else runs: used if it keeps bots apart, refused if it does not."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.nats.server import EmbeddedServer, ServerFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOTABOTS = (sys.executable, "-m", "lotabots")


def config_of(root: Path) -> str:
    done = subprocess.run(
        [*LOTABOTS, "nats", "config", "-C", str(root)], capture_output=True, text=True, check=True
    )
    return done.stdout.removeprefix("max_payload: 1MB\n")  # the server of the test says it itself


def without_permissions(config: str) -> str:
    """The same users and accounts, and all of them in one that may do everything."""
    keys = [
        line.split('"nkey": "')[1].split('"')[0] for line in config.splitlines() if "nkey" in line
    ]
    users = ", ".join(f'{{nkey: "{key}"}}' for key in keys[1:])
    return (
        f'accounts {{ SYS {{ users: [{{nkey: "{keys[0]}"}}] }}\n'
        f"LB {{ jetstream: enabled, users: [{users}] }} }}\nsystem_account: SYS\n"
    )


async def started(root: Path, config: str) -> EmbeddedServer:
    server = EmbeddedServer(ServerFiles(root / "elsewhere", config))
    await server.start()
    return server


async def test_a_service_runs_on_a_server_that_has_its_configuration(root: Path):
    server = await started(root, config_of(root))
    run = await asyncio.create_subprocess_exec(
        *LOTABOTS, "run", "-C", str(root), "--nats", server.url, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert run.stdout is not None
        assert server.url.encode() in await run.stdout.readline()
        assert json.loads((root / ".lotabots/run.json").read_text())["url"] == server.url
        run.terminate()
        assert await run.wait() == 0
        assert server.pid, "it is somebody else's, and stays"
    finally:
        if run.returncode is None:
            run.kill()
        await server.stop()


OPEN = '"publish": {"allow": ["ev.>"]'


def without_limits(config: str) -> str:
    """The same accounts, but who may publish some events of its own may publish any."""
    return re.sub(r'"publish": \{"allow": \["ev\.[^]]*\]', OPEN, config)


def without_limits_of(number: int, config: str) -> str:
    """The same, but one of them all, bots and others, may publish any event."""
    listed = list(re.finditer(r'"publish": \{"allow": \["ev\.[^]]*\]', config))
    start, end = listed[number].span()
    return config[:start] + OPEN + config[end:]


def with_orders_of_nobody(config: str) -> str:
    """The same, but a bot has the door that operators have."""
    return re.sub(r'"publish": \{"allow": \["ev\.', '"publish": {"allow": ["do.>", "ev.', config)


def with_any_switch(config: str) -> str:
    """The same, but the host may write what only the engine writes."""
    return config.replace('["lb.ctl.host.>"]', '["lb.ctl.host.>", "lb.state.>"]')


def with_one_door_for_all(config: str) -> str:
    """The same, but whoever orders something says himself who he is."""
    return re.sub(r'"lb\.do\.cli\.[a-z0-9_-]+\.>"', '"lb.do.cli.somebody.>"', config)


@pytest.mark.parametrize(
    ("broken", "refusal"),
    [
        (without_permissions, "the server lets "),
        (without_limits, "publish on `ev.lotabots.probe`"),
        (partial(without_limits_of, 1), "publish on `ev.lotabots.probe`"),
        (partial(without_limits_of, -1), "the server lets CLI_"),
        (with_orders_of_nobody, "publish on `do.lotabots-probe`"),
        (with_any_switch, "the server lets host publish on `lb.state.lotabots-probe`"),
        (with_one_door_for_all, "for `lb.do.cli.somebody.lotabots-probe`"),
    ],
)
async def test_a_server_that_lets_somebody_say_too_much_is_refused(
    root: Path, broken: Callable[[str], str], refusal: str
):
    server = await started(root, broken(config_of(root)))
    try:
        setup = await asyncio.create_subprocess_exec(
            *LOTABOTS, "run", "-C", str(root), "--nats", server.url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            _, said = await setup.communicate()
    finally:
        if setup.returncode is None:
            setup.kill()
        await server.stop()
    assert setup.returncode == 2
    assert refusal.encode() in said
    assert b"load what `lotabots nats config` prints into that server" in said


@pytest.mark.parametrize("words", [("--join", "--nats", "nats://127.0.0.1:1")])
def test_a_server_is_joined_or_named_but_not_both(root: Path, words: tuple[str, ...]):
    done = subprocess.run(
        [*LOTABOTS, "run", "-C", str(root), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "leave --nats out" in done.stderr


async def doctor(root: Path, url: str) -> tuple[int, dict[str, dict[str, str]]]:
    """How `lotabots doctor --nats` ends, and what it says of the server, by name."""
    run = await asyncio.create_subprocess_exec(
        *LOTABOTS, "doctor", "-C", str(root), "--nats", url, "--format", "json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await run.communicate()
    checks = json.loads(said)["checks"]
    assert run.returncode is not None
    return run.returncode, {one["name"]: one for one in checks if one["section"] == "server"}


async def test_the_doctor_proves_the_permissions_of_a_server_that_has_them(root: Path):
    server = await started(root, config_of(root))
    try:
        _, found = await doctor(root, server.url)
    finally:
        await server.stop()
    assert [one["state"] for one in found.values()] == ["good"] * 3
    assert found["connection"]["found"].startswith(f"{server.url}, nats-server 2.")
    assert found["connection"]["found"].endswith(", with JetStream")
    assert found["identities"]["found"].startswith("all ")
    assert found["permissions"]["found"] == (
        "nobody was let say what the rules do not, or order in another's name"
    )


@pytest.mark.parametrize(
    ("broken", "refusal"),
    [
        (without_limits, "the server lets CheckBot publish on `ev.lotabots.probe`"),
        (with_any_switch, "the server lets host publish on `lb.state.lotabots-probe`"),
    ],
)
async def test_the_doctor_says_what_a_server_wrongly_lets_be_said(
    root: Path, broken: Callable[[str], str], refusal: str
):
    server = await started(root, broken(config_of(root)))
    try:
        status, found = await doctor(root, server.url)
    finally:
        await server.stop()
    assert status == 1
    assert (found["permissions"]["state"], found["permissions"]["found"]) == ("problem", refusal)
    assert found["permissions"]["cure"].startswith("load what `lotabots nats config` prints")


async def test_the_doctor_names_whom_a_server_does_not_know(root: Path):
    config = config_of(root)
    (root / ".lotabots/keys/ShipBot.nk").unlink()
    config_of(root)  # makes another key, which the server was not told
    server = await started(root, config.replace("jetstream: enabled", "jetstream: disabled"))
    try:
        status, found = await doctor(root, server.url)
    finally:
        await server.stop()
    assert status == 1
    assert found["connection"]["found"].endswith(": JetStream not enabled for account")
    assert found["identities"]["found"].endswith(" are not let in: ShipBot")
    assert found["permissions"]["state"] == "problem"


async def test_the_doctor_is_done_soon_where_no_server_is_or_no_key(root: Path):
    status, found = await doctor(root, "nats://127.0.0.1:1")
    assert status == 1
    assert list(found) == ["identities"]
    assert "`lotabots nats config`" in found["identities"]["cure"]
    assert not (root / ".lotabots").exists(), "it makes no keys itself"
    config_of(root)
    status, found = await doctor(root, "nats://127.0.0.1:1")
    assert status == 1
    assert list(found) == ["connection"]
    assert found["connection"]["found"] == (
        "no connection to nats://127.0.0.1:1: no servers available for connection"
    )
