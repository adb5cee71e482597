"""A disk that is full, or anything else that the system refuses, at each write of the host."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, NoReturn

from hosting_shop import Answer, hosting, until
from lotabots.adapters.hosting import instances, releases
from lotabots.adapters.hosting.releases import Shelf

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from lotabots.adapters.executor.executor import Sandbox


def full(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - stands for anything
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_promotion_that_is_in_the_history_is_done_though_the_disk_is_full(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        await host.deploy("staging", version="v1")
        made = (await host.release("staging", version="v2")).said["release"]
        with monkeypatch.context() as patch:
            patch.setattr(Shelf, "_follow", full)
            promoted = await host.promote("staging", made)
        assert promoted.status == 200
        assert (await host.status("staging"))["active"] == made
        assert (await host.get("staging")).said == "v2"


async def test_a_promotion_that_cannot_be_written_down_changes_nothing(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        old = await host.deploy("staging", version="v1")
        made = (await host.release("staging", version="v2")).said["release"]
        with monkeypatch.context() as patch:
            patch.setattr(releases, "_write", full)
            promoted = await host.promote("staging", made)
        text = "the host failed; its log says how (`door.failed`)"
        assert promoted == Answer(503, {"error": text, "code": "host-failed"})
        assert (await host.status("staging"))["active"] == old
        assert (await host.get("staging")).said == "v1"
        assert (await host.promote("staging", made)).status == 200
        assert (await host.get("staging")).said == "v2"


async def test_what_could_not_be_sealed_can_be_sealed_when_there_is_room(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        with monkeypatch.context() as patch:
            patch.setattr(releases, "_write", full)
            refused = await host.release("staging", version="v1")
        assert refused.status == 503
        again = await host.release("staging", version="v1")
        assert again.status == 201
        assert list((await host.states("staging")).values()) == ["candidate"]


async def test_old_folders_that_cannot_be_removed_hold_up_no_promotion(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        for number in range(1, 6):
            await host.deploy("staging", version=f"v{number}")
        monkeypatch.setattr(releases, "_remove", full)
        assert await host.deploy("staging", version="v6")
        assert (await host.get("staging")).said == "v6"


async def test_an_instance_is_started_again_when_the_system_could_not_at_first(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    free, tries = instances._free_port, []

    def none_at_first() -> int:
        tries.append(1)
        return full() if len(tries) < 3 else free()

    async with hosting(tmp_path, hosting_sandbox) as host:
        await host.deploy("staging", version="v1")
        monkeypatch.setattr(instances, "_free_port", none_at_first)
        await host.get("staging", "/end")

        async def back() -> bool:
            return (await host.get("staging")).said == "v1"

        await until(back, what="the active release to come back")
        assert len(tries) == 3
