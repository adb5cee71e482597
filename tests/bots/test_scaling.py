"""ScalingBot in its sandbox: what it asks the host for, what it remembers, what it foresees."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from bots.scaling import BUSY, LEASED, Host, Post, said
from hosting_shop import hosting, shop
from lotabots.adapters.executor.executor import Sandbox
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executor.workshop import Workshop
    from lotabots.adapters.sandbox.launch import Launcher


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def post(workshop: Workshop, host: Host) -> Iterator[Post]:
    with host.serving() as address:
        yield Post.at(workshop, address)


def test_a_busy_service_gets_what_its_load_needs_for_a_time(post: Post, host: Host):
    ran = post.scale()
    assert said(ran) == ["scale.completed"]
    assert ran.payload("scale.completed") == {
        "service": "shop",
        "environment": "production",
        "direction": "up",
        "outcome": "success",
        "from": 2,
        "to": 4,
        "metric": "utilization",
        "value": 1.6,
        "target": 1,
        "lease_until": LEASED,
    }
    assert [(one["instances"], one["for_s"]) for one in host.asked] == [(4, 3600)]


def test_the_same_job_again_asks_for_the_same(post: Post, host: Host):
    for _ in range(2):
        assert said(post.scale(key="again")) == ["scale.completed"]
    assert len({(one["instances"], one["job"]) for one in host.asked}) == 1


def test_it_stays_within_the_bounds_and_says_when_they_are_too_narrow(post: Post, host: Host):
    host.bounds = (1, 3)
    assert post.scale().payload("scale.completed")["to"] == 3
    ran = post.scale()
    assert said(ran) == ["scale.failed"]
    failed = ran.payload("scale.failed")
    assert failed["outcome"] == "failure"
    assert failed["reason"] == (
        "4 instances are needed, and 3 are all that `instances` of the service allows"
    )
    assert [one["instances"] for one in host.asked] == [3, 3]  # the lease goes on all the same


def test_what_is_there_is_leased_again_when_more_does_not_come_up(post: Post, host: Host):
    host.wanted = host.up = 3
    failed = post.scale(instances=3).payload("scale.failed")
    assert (failed["outcome"], "not all instances come up" in failed["reason"]) == ("error", True)
    assert [one["instances"] for one in host.asked] == [5, 3]


def test_it_gives_back_only_what_was_not_needed_for_the_whole_window(post: Post, host: Host):
    host.wanted = 6
    for utilization in (0.2, 0.6, 0.1):
        post.record(utilization, instances=6)
        post.minutes += 4
    down = {"direction": "down", "instances": 6, "utilization": 0.1}
    assert post.scale(**down).payload("scale.completed")["to"] == 4
    post.minutes += 30  # nothing was measured meanwhile
    host.wanted = 6
    assert post.scale(**down).payload("scale.completed")["to"] == 6


def test_what_is_needed_still_is_leased_again(post: Post, host: Host):
    host.wanted = 4
    ran = post.scale(direction="hold", instances=4, utilization=0.8)
    found = ran.payload("scale.completed")
    assert (found["from"], found["to"], found["lease_until"]) == (4, 4, LEASED)
    assert host.asked[0]["for_s"] == 3600


def test_the_declared_number_is_no_lease(post: Post):
    for minute in (0, 5, 10):
        post.minutes = minute
        post.record(0.1)
    found = post.scale(direction="down", utilization=0.1).payload("scale.completed")
    assert found["to"] == 1
    assert "lease_until" not in found


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"GET": b"[]"}, "no JSON object"),
        ({"GET": b'{"wanted": 2}'}, "no bounds"),
        ({"GET": b'{"wanted": 2, "bounds": {"min": 9, "max": 1}}'}, "the wrong way round"),
        ({"GET": b'{"wanted": true, "bounds": {"min": 1, "max": 9}}'}, "`wanted` is no count"),
        ({"POST": b'{"from": 2, "to": 9, "until": null}'}, "was asked for 4 instances"),
        ({"POST": b'{"from": 2, "to": 4, "until": "soon"}'}, "`until` is no time"),
        ({"POST": b"x" * 300_000}, "longer than"),
    ],
)
def test_an_answer_of_another_form_is_not_believed(
    post: Post, host: Host, raw: dict[str, bytes], reason: str
):
    host.raw = raw
    ran = post.scale()
    assert said(ran) == ["scale.failed"]
    assert ran.payload("scale.failed")["outcome"] == "error"
    assert reason in ran.payload("scale.failed")["reason"]


def test_a_refusal_is_told(post: Post, host: Host):
    host.status = 503
    host.raw = {"GET": b'{"error": "not all instances come up", "code": "not-up"}'}
    reason = post.scale().payload("scale.failed")["reason"]
    assert reason == "the host answered 503: not all instances come up"


@pytest.mark.parametrize("service", ["../up", "a b"])
def test_what_is_no_name_of_a_service_is_asked_of_nobody(post: Post, host: Host, service: str):
    ran = post.scale(service=service)
    assert "is no name of a service" in ran.payload("scale.failed")["reason"]
    assert host.asked == []


def test_what_was_measured_is_foreseen_for_each_service(post: Post):
    post.record(1.7)
    post.record(0.5, instances=3, service="shelf")
    post.minutes = 10
    ran = post.run("forecast", {"action": "forecast"}, event="schedule.tick")
    assert said(ran) == ["scale.forecast"] * 2
    found = [json.loads(bytes(one.payload)) for one in ran.judged if isinstance(one, Emitted)]
    seen = [(one["service"], one["instances"], one["checked"], one["season_h"]) for one in found]
    assert seen == [("shelf", 2, 1, 0), ("shop", 4, 1, 0)]


def test_a_sample_that_is_handed_over_twice_counts_once(post: Post):
    payload = {"service": "shop", "environment": "production", "instances": 2, "utilization": 1.0}
    for _ in range(2):
        assert said(post.run("record", payload, event="scale.measured", key="again")) == []
    ran = post.run("forecast", {"action": "forecast"}, event="schedule.tick")
    assert ran.payload("scale.forecast")["checked"] == 1


def test_a_forecast_from_nothing_is_refused(post: Post):
    ran = post.run("forecast", {"action": "forecast"}, event="schedule.tick")
    assert said(ran, status=1) == []
    assert "nothing was looked at" in ran.log
    post.record(1.0)
    post.minutes = 25 * 60  # nobody has measured for a day
    again = post.run("forecast", {"action": "forecast"}, event="schedule.tick")
    assert said(again, status=1) == []


def test_notes_that_are_damaged_are_an_error_and_not_overwritten(post: Post):
    notes = post.workshop.folder / "state/ScalingBot/samples.sqlite3"
    notes.parent.mkdir(parents=True)
    notes.write_bytes(b"not a database" * 100)
    for action, event in (("record", "scale.measured"), ("forecast", "schedule.tick")):
        ran = post.run(action, {**BUSY, "action": action}, event=event)
        assert said(ran, status=1) == []
        assert "the samples cannot be used" in ran.log
    assert notes.read_bytes() == b"not a database" * 100


def test_a_real_host_scales_and_takes_back(
    workshop: Workshop, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
):
    async def scene() -> None:
        folder = tmp_path_factory.mktemp("h")
        services = (shop("production", most=4),)
        async with hosting(folder, Sandbox(launcher), services) as hosted:
            await hosted.deploy("production")
            post = Post.at(workshop, f"unix:{hosted.door('scale')}")
            busy = {**BUSY, "instances": 1, "utilization": 2.5}
            ran = await workshop.run_async(*post.prepared("scale", busy, event="scale.requested"))
            done = ran.payload("scale.completed")
            status = await hosted.status("production")
            assert (done["from"], done["to"], status["instances"]) == (1, 3, 3)
            assert done["lease_until"] == status["until"]

    asyncio.run(scene())
