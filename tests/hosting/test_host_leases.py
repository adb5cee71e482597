"""More instances than are declared, for as long as they are leased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting_shop import Answer, hosting, shop, until

if TYPE_CHECKING:
    from pathlib import Path

    from hosting_shop import Hosting
    from lotabots.adapters.executor.executor import Sandbox

SCALABLE = (shop("staging", most=3), shop("production"))


def asked(instances: int, *, for_s: int = 3600) -> dict[str, object]:
    """What the door for scaling is asked."""
    return {"instances": instances, "job": "s", "for_s": for_s}


async def test_scaling_stays_within_the_bounds_and_lasts(tmp_path: Path, hosting_sandbox: Sandbox):
    path = "/services/shop/staging/scale"
    async with hosting(tmp_path, hosting_sandbox, SCALABLE) as host:
        early = await host.call("scale", "POST", path, asked(2))
        assert early.status == 409
        await host.deploy("staging")
        more = await host.call("scale", "POST", path, asked(3))
        assert (more.status, more.said["from"], more.said["to"]) == (200, 1, 3)
        status = await host.status("staging")
        assert (status["instances"], status["until"]) == (3, more.said["until"])
        for body in (asked(0), asked(4), asked(-1), asked(2, for_s=59), asked(2, for_s=10**7)):
            refused = await host.call("scale", "POST", path, body)
            assert refused.status == 422
        less = await host.call("scale", "POST", path, asked(2))
        assert (less.status, less.said["from"], less.said["to"]) == (200, 3, 2)
    async with hosting(tmp_path, hosting_sandbox, SCALABLE) as host:
        assert (await host.status("staging"))["instances"] == 2
        await host.deploy("staging", version="v2")
        assert (await host.status("staging"))["instances"] == 2
        metrics = (await host.call("monitor", "GET", "/metrics")).said
        assert 'lotabots_front_instances{service="shop",environment="staging"' in metrics


class Movable:
    """A clock that a test sets; it may jump after a number of looks."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self._jump = (0, 0)

    def now(self) -> datetime:
        looks, seconds = self._jump
        self._jump = (looks - 1, seconds)
        found = self.time
        if looks == 1:
            self.move(seconds)
        return found

    def move(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    def jump(self, seconds: int, *, after: int) -> None:
        self._jump = (after, seconds)


async def instances_of(host: Hosting) -> tuple[int, int, str | None]:
    """How many there are and should be, and until when."""
    said = await host.status("staging")
    return said["instances"], said["wanted"], said["until"]


async def is_declared(host: Hosting) -> bool:
    return await instances_of(host) == (1, 1, None)


async def test_what_was_scaled_goes_back_by_itself_to_what_is_declared(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    path, clock = "/services/shop/staging/scale", Movable()
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        await host.deploy("staging")
        await host.call("scale", "POST", path, asked(3, for_s=600))
        assert await instances_of(host) == (3, 3, "2026-01-01T00:10:00+00:00")
        clock.move(500)
        longer = await host.call("scale", "POST", path, asked(3, for_s=600))
        assert longer.said == {"from": 3, "to": 3, "until": "2026-01-01T00:18:20+00:00"}
        clock.move(200)  # the first lease would be over
        assert await instances_of(host) == (3, 3, "2026-01-01T00:18:20+00:00")
        clock.move(400)
        await until(lambda: is_declared(host), what="the end of the lease")
        lapses = [about for verb, about in host.records if verb == "lapsed"]
        assert lapses == [{"service": "shop", "environment": "staging", "from": 3, "to": 1}]
        assert (await host.get("staging")).status == 200


async def test_a_lease_that_ended_while_the_host_was_away_is_over(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    path, clock = "/services/shop/staging/scale", Movable()
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        await host.deploy("staging")
        await host.call("scale", "POST", path, asked(2, for_s=600))
    clock.move(599)
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        assert await instances_of(host) == (2, 2, "2026-01-01T00:10:00+00:00")
    clock.move(1)
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        assert await instances_of(host) == (1, 1, None)
        assert [verb for verb, _ in host.records] == ["lapsed", "started"]


@pytest.mark.parametrize("looks", [1, 2, 3, 4])
async def test_a_lease_that_ends_while_the_host_starts_is_over_as_well(
    tmp_path: Path, hosting_sandbox: Sandbox, looks: int
):
    path, clock = "/services/shop/staging/scale", Movable()
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        await host.deploy("staging")
        await host.call("scale", "POST", path, asked(3, for_s=600))
    clock.jump(600, after=looks)
    async with hosting(tmp_path, hosting_sandbox, SCALABLE, clock=clock) as host:
        await until(lambda: is_declared(host), what="the end of the lease")


async def test_the_declared_number_is_no_lease(tmp_path: Path, hosting_sandbox: Sandbox):
    path = "/services/shop/staging/scale"
    async with hosting(tmp_path, hosting_sandbox, SCALABLE) as host:
        await host.deploy("staging")
        await host.call("scale", "POST", path, asked(2))
        back = await host.call("scale", "POST", path, asked(1))
        assert back == Answer(200, {"from": 2, "to": 1, "until": None})
        assert await instances_of(host) == (1, 1, None)
