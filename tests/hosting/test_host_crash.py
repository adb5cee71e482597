"""A host that dies at any step of a promotion, and what the next one makes of what is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from hosting_processes import ended, nothing_of, started, workspace
from hosting_shop import Answer, Hosting, hosting, shop, until
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.hosting.host import Plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NO_SANDBOX = Sandbox(None, problem="another process has it")


def site_folder(state: Path) -> Path:
    return state / "hosting/staging/shop"


def steps(state: Path) -> list[dict[str, Any]]:
    """The complete lines of the history."""
    data = (site_folder(state) / "history.jsonl").read_bytes()
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def current(state: Path) -> str:
    return (site_folder(state) / "current").resolve().name


async def assert_consistent(host: Hosting) -> str:
    """History, link, status and front agree on one release, which runs."""
    active = [line["release"] for line in steps(host.state) if line["verb"] == "promoted"][-1]
    status = await host.status("staging")
    assert status["active"] == active == current(host.state)
    (artifact,) = [row["artifact"] for row in status["releases"] if row["release"] == active]
    known = {line["release"]: line for line in steps(host.state) if line["verb"] == "sealed"}
    assert known[active]["artifact"] == artifact
    assert status["instances"] == 1
    assert await host.get("staging") == Answer(200, f"v{active.partition('-')[0]}")
    folders = {path.name for path in (site_folder(host.state) / "releases").iterdir()}
    assert folders == {row["release"] for row in status["releases"] if row["state"] != "discarded"}
    return active


def cut_last_line(state: Path, _old: str) -> None:
    """The write of the line was cut off, so nothing after it happened."""
    file = site_folder(state) / "history.jsonl"
    os.truncate(file, file.stat().st_size - 20)
    _link(state, _old)


def old_link(state: Path, old: str) -> None:
    """The line is there, `current` did not follow any more."""
    _link(state, old)


def new_link_half_made(state: Path, old: str) -> None:
    """The new link has its temporary name still."""
    _link(state, old)
    (site_folder(state) / ".part-current").symlink_to("releases/2-x")


def lost_line(state: Path, _old: str) -> None:
    """A disk that lost the line which it had promised to keep."""
    file = site_folder(state) / "history.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))


def no_link(state: Path, _old: str) -> None:
    """Somebody removed the link."""
    (site_folder(state) / "current").unlink()


def half_a_release(state: Path, _old: str) -> None:
    """Two more releases were being sealed: one copied in part, one without its line."""
    for name in (".part-0123", "3-000000000000"):
        (site_folder(state) / "releases" / name / "shop").mkdir(parents=True)


def _link(state: Path, release: str) -> None:
    link = site_folder(state) / "current"
    link.unlink()
    link.symlink_to(f"releases/{release}")


@pytest.mark.parametrize(
    ("damage", "survives"),
    [
        (cut_last_line, "old"),
        (lost_line, "old"),
        (old_link, "new"),
        (new_link_half_made, "new"),
        (no_link, "new"),
        (half_a_release, "new"),
    ],
)
async def test_what_a_crash_leaves_is_put_right_at_the_next_start(
    tmp_path: Path,
    hosting_sandbox: Sandbox,
    damage: Callable[[Path, str], None],
    survives: str,
):
    services = (shop("staging"),)
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        old = await host.deploy("staging", version="v1")
        new = await host.deploy("staging", version="v2")
    damage(host.state, old)
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        assert await assert_consistent(host) == {"old": old, "new": new}[survives]
        # And it goes on: what was promoted before is the way back or in.
        three = await host.deploy("staging", version="v3")
        assert await assert_consistent(host) == three


async def test_a_release_that_was_changed_on_disk_is_not_started(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    services = (shop("staging"),)
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        one = await host.deploy("staging", version="v1")
        two = await host.deploy("staging", version="v2")
    file = site_folder(host.state) / "releases" / two / "shop.py"
    file.chmod(0o644)
    file.write_text("raise SystemExit('other')")
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        assert (await host.get("staging")).status == 503
        assert (await host.status("staging"))["instances"] == 0
        path = f"/services/shop/staging/releases/{one}"
        assert (await host.call("rollback", "POST", f"{path}/start", {})).status == 200
        back = await host.promote("staging", one, "rollback", withdraw=two, reason="damaged")
        assert back.status == 200
        assert await assert_consistent(host) == one


async def asked(_state: Path, _before: int) -> bool:
    """The request was sent."""
    return True


async def noted(state: Path, before: int) -> bool:
    """The line is in the history."""
    return len(steps(state)) > before


async def followed(state: Path, _before: int) -> bool:
    """`current` leads to the new release."""
    return current(state).startswith("2-")


@pytest.mark.parametrize("moment", [asked, noted, followed, None])
async def test_a_host_that_is_killed_leaves_nothing_running_and_comes_back(
    tmp_path: Path,
    hosting_sandbox: Sandbox,
    moment: Callable[[Path, int], Awaitable[bool]] | None,
):
    plan = Plan((shop("staging"),))
    root = workspace(tmp_path, plan)
    client = Hosting(root / ".lotabots", plan, NO_SANDBOX)
    assert hosting_sandbox.launcher is not None
    process = await started(root, client)
    try:
        await client.deploy("staging", version="v1")
        release = (await client.release("staging", version="v2")).said["release"]
        before = len(steps(client.state))
        promotion = asyncio.create_task(client.promote("staging", release))
        if moment is None:
            await promotion
        else:
            while not await moment(client.state, before):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0)
        await ended(process, signal.SIGKILL)
        (answer,) = await asyncio.gather(promotion, return_exceptions=True)
        await until(lambda: nothing_of(root), what="the end of all releases")
        process = await started(root, client)
        active = await assert_consistent(client)
        if isinstance(answer, Answer):
            assert active == release
        assert active in (release, f"1-{steps(client.state)[0]['artifact'][7:19]}")
    finally:
        status = await ended(process, signal.SIGTERM)
    assert status == 0, (root / "run.log").read_text(encoding="utf-8")
    assert await nothing_of(root)
    assert list((root / ".lotabots/doors").iterdir()) == []
