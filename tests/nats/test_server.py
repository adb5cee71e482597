"""The embedded server, its set-up, and reading stretches of its streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet_server import ask, until
from lotabots.adapters.nats.connection import SetupError, set_up
from lotabots.adapters.nats.keys import ensure_keys, read_seed
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.scan import Scanner
from lotabots.adapters.nats.server import EmbeddedServer, ServerError, ServerFiles
from lotabots.policy.project_broker import DECISIONS, EVENTS, Consumer, Stream, consumers, streams
from lotabots.runtime.ports import BusError, Outgoing

if TYPE_CHECKING:
    from fleet_server import NatsFleet

PARENT = """
import asyncio, sys, time
from pathlib import Path
from lotabots.adapters.nats.server import EmbeddedServer, ServerFiles

server = EmbeddedServer(ServerFiles(Path(sys.argv[1]), ""))
asyncio.run(server.start())
print(server.pid, flush=True)
sys.stdin.read()
"""


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be collected."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_the_server_ends_with_its_parent(tmp_path: Path):
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.send_signal(signal.SIGKILL)
    await until(lambda: not runs(pid))


async def test_a_bad_configuration_is_told_in_the_server_s_words(tmp_path: Path):
    server = EmbeddedServer(ServerFiles(tmp_path, "nonsense {"))
    with pytest.raises(ServerError, match=r"did not start; it said:\nnats-server: Parse error"):
        await server.start()
    assert server.pid == 0


async def test_a_server_is_started_from_the_main_thread_only(tmp_path: Path):
    server = EmbeddedServer(ServerFiles(tmp_path, ""))
    with pytest.raises(ServerError, match="from the main thread"):
        await asyncio.to_thread(lambda: asyncio.run(server.start()))


async def test_the_server_keeps_its_address_and_what_it_stored(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish(Outgoing("lb.dec.x", b"1"))
    url = nats_fleet.server.url
    await nats_fleet.server.stop()
    assert nats_fleet.server.pid == 0
    await nats_fleet.server.start()
    assert nats_fleet.server.url == url
    stored = await Reader(await nats_fleet.connect("engine")).last(DECISIONS, "lb.dec.*")
    assert stored is not None
    assert stored.body == b"1"


async def test_setting_up_again_changes_nothing_and_a_refusal_is_named(nats_fleet: NatsFleet):
    admin = await nats_fleet.connect("admin")
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish(Outgoing("lb.dec.x", b"1"))
    before = json.loads(await ask(admin, f"$JS.API.STREAM.INFO.{DECISIONS}"))
    await set_up(admin, streams(nats_fleet.fleet), consumers(nats_fleet.fleet))
    after = json.loads(await ask(admin, f"$JS.API.STREAM.INFO.{DECISIONS}"))
    assert (after["config"], after["state"]) == (before["config"], before["state"])
    with pytest.raises(SetupError, match=r"stream NEW: subjects overlap .* \(10065\)"):
        await set_up(admin, (Stream("NEW", ("lb.dec.>",)),), ())
    with pytest.raises(SetupError, match=r"consumer NONE.c: stream not found \(10059\)"):
        await set_up(admin, (), (Consumer("NONE", "c", ">", 1),))


async def test_a_stretch_of_a_stream_is_read_in_order_beyond_one_batch(nats_fleet: NatsFleet):
    admin = await nats_fleet.connect("admin")
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish_all(
        [Outgoing(f"lb.dec.{'ab'[n % 2]}{n}", b"%d" % n) for n in range(1200)]
    )
    scanner = Scanner(await nats_fleet.connect("engine"))
    assert [d.sequence async for d in scanner.all(DECISIONS, "lb.dec.>")] == list(range(1, 1201))
    late = [d.body async for d in scanner.all(DECISIONS, "lb.dec.*", first=1195)]
    assert late == [b"1194", b"1195", b"1196", b"1197", b"1198", b"1199"]
    async with contextlib.aclosing(scanner.all(DECISIONS, "lb.dec.>")) as some:
        async for delivery in some:
            if delivery.sequence == 3:
                break

    async def left() -> int:
        names = json.loads(await ask(admin, f"$JS.API.CONSUMER.NAMES.{DECISIONS}"))
        return len(names["consumers"] or ())

    async with asyncio.timeout(10):
        while await left():
            pass


async def test_an_empty_stretch_is_empty_and_a_missing_stream_is_an_error(nats_fleet: NatsFleet):
    scanner = Scanner(await nats_fleet.connect("admin"))
    assert [d async for d in scanner.all(EVENTS, "lb.ev.none")] == []
    with pytest.raises(BusError, match="reading NONE: stream not found"):
        [d async for d in scanner.all("NONE", ">")]
    reader = Reader(await nats_fleet.connect("admin"))
    assert await reader.following(EVENTS, "lb.ev.>", 1) is None
    with pytest.raises(BusError, match="looking up NONE: stream not found"):
        await reader.last("NONE", ">")


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path):
    first = ensure_keys(tmp_path / "keys", ["a", "b"])
    assert ensure_keys(tmp_path / "keys", ["b", "a"]) == {"b": first["b"], "a": first["a"]}
    assert first["a"] != first["b"]
    assert all(key.startswith("U") for key in first.values())
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    for name in ("a", "b"):
        assert read_seed(tmp_path / "keys", name).startswith("SU")
        assert (tmp_path / f"keys/{name}.nk").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError):
        read_seed(tmp_path / "keys", "c")
