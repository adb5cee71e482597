"""A job or a release that was taken over: what it can do to the host and to others is bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hosting_shop import artifact, hosting
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.executor.output import Log
from lotabots.adapters.hosting import instances
from lotabots.adapters.hosting.brake import BURST, RATE, Brake
from lotabots.adapters.hosting.doors import TURNS

if TYPE_CHECKING:
    from pathlib import Path


SITE = "/services/shop/staging"
HANGS = "threading.Event().wait()"


async def test_releases_that_nobody_promotes_fill_no_disk(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        good = [await host.deploy("staging", version=f"v{number}") for number in (1, 2, 3)]
        for number in range(4, 13):
            await host.release("staging", version=f"v{number}")
        folder = host.state / "hosting" / "staging" / "shop" / "releases"
        there = {path.name for path in folder.iterdir()}
        assert set(good) <= there
        assert len(there) <= 3 + 5 + 1


async def test_long_reasons_leave_the_status_readable(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        made = (await host.release("staging")).said["release"]
        body = {"job": "j", "reason": "\x00\n" + 5000 * "\U0001f4a5"}
        path = f"{SITE}/releases/{made}/discard"
        assert (await host.call("deploy-staging", "POST", path, body)).status == 200
        (row,) = (await host.status("staging"))["releases"]
        assert row["reason"] == 250 * "\U0001f4a5"
        assert len(str(host.records[-1]).encode()) < 4000
        assert len((host.state / "hosting/staging/shop/history.jsonl").read_bytes()) < 4000


async def test_a_wheel_fills_no_status_by_what_is_wrong_with_it(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        folder = host.tree("staging", "in")
        points = folder / "shop-1.dist-info" / "entry_points.txt"
        points.write_text("[console_scripts]\n" + 20_000 * "no script\n", encoding="utf-8")
        body = {"incoming": "in", "artifact": artifact("v1"), "job": "j"}
        refused = await host.call("deploy-staging", "POST", f"{SITE}/releases", body)
        assert refused.status == 422
        assert len(refused.said["error"]) <= 1000
        (row,) = (await host.status("staging"))["releases"]
        assert len(row["reason"]) <= 1000


async def test_names_that_could_be_anything_are_refused(tmp_path: Path):
    async with hosting(tmp_path, Sandbox(None)) as host:
        for job in (129 * "j", "j\n", '"', "é"):
            body = {"incoming": "in", "artifact": artifact("v1"), "job": job}
            refused = await host.call("deploy-staging", "POST", f"{SITE}/releases", body)
            assert refused.status == 422
            assert "`$.job`" in refused.said["error"]


async def test_changes_that_nobody_waits_for_hold_up_no_rollback(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(instances, "UP_S", 3.0)
    async with hosting(tmp_path, hosting_sandbox) as host:
        old = await host.deploy("staging", version="v1")
        bad = await host.deploy("staging", version="v2")
        asked = [
            asyncio.create_task(host.release("staging", version=f"v{n}", start=HANGS))
            for n in range(3, 13)
        ]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(waiting) > TURNS:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert {one.result().status for one in done} == {503}
        for one in waiting:
            one.cancel()
        back = await host.promote("staging", old, door="rollback", withdraw=bad)
        assert back.said["active"] == old


async def test_refusals_without_end_fill_no_log():
    brake = Brake()
    for _ in range(BURST):
        await brake.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5 / RATE):
            await brake.wait()


async def test_a_release_that_prints_without_end_is_read_in_pieces_not_in_lines(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    feed = Log.feed

    def count(log: Log, chunk: bytes) -> None:
        sizes.append(len(chunk))
        feed(log, chunk)

    monkeypatch.setattr(Log, "feed", count)
    async with hosting(tmp_path, hosting_sandbox) as host:
        await host.deploy("production", version="v1")
        flood = (
            "threading.Thread(target=lambda: [os.write(1, 65536 * b'\\n') for _ in iter(int, 1)]"
        )
        made = await host.release("staging", version="v2", start=f"{flood}, daemon=True).start()")
        assert made.status == 201
        assert (await host.get("production")).said == "v1"
    assert sum(sizes) > 100 * len(sizes)
