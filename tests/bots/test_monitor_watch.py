"""MonitorBot's watch over a release, in the real sandbox, before a door as documented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bots.monitoring import RELEASE, Post, a_post, load, said, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executor.workshop import Workshop


@pytest.fixture
def post(workshop: Workshop) -> Iterator[Post]:
    with a_post(workshop) as made:
        yield made


def known_before(post: Post) -> dict[str, Any]:
    """A service of which a note says that it takes 20 ms, and never fails."""
    post.host.targets[:] = [target(watch_s=0)]
    assert said(post.watch()) == []
    return post.baseline({"samples": 100, "mean": 0.02, "variance": 0, "asked": 9000, "failed": 0})


def test_a_steady_release_is_watched_to_the_end_and_nothing_said(post: Post):
    ran = post.watch()
    assert said(ran) == []
    assert post.host.readings >= 3
    assert {path.split("/")[1] for path in post.host.asked} == {"targets", "probe", "metrics"}


def test_a_release_that_fails_is_found_at_the_first_look(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    post.host.traffic = lambda _reading: load(50, 30)
    ran = post.watch()
    assert said(ran) == ["alert.triggered"]
    alert = ran.payload("alert.triggered")
    assert (alert["rule"], alert["severity"], alert["release"]) == ("error-burst", "high", RELEASE)
    assert (alert["metric"], alert["value"], alert["baseline"]) == ("error_share", 0.6, 0.0)
    assert post.host.readings == 1


def test_a_release_that_begins_to_fail_is_found(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    post.host.traffic = lambda reading: load(50, 25 if reading > 3 else 0)
    assert post.watch().payload("alert.triggered")["rule"] == "error-burst"
    assert post.host.readings == 4


def test_a_release_that_is_not_well_is_critical(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    post.host.health["shop.production"] = (0, "connection refused")
    alert = post.watch().payload("alert.triggered")
    assert (alert["rule"], alert["severity"], alert["value"]) == ("health-check", "critical", 0)
    assert alert["release"] == RELEASE
    assert post.host.asked.count("/probe/shop.production") == 3


def test_a_watch_says_which_release_is_not_well_even_if_that_is_known(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    post.host.health["shop.production"] = (500, "")
    post.run("probe")
    known = post.run("probe").payload("alert.triggered")
    assert "release" not in known
    said_again = post.watch().payload("alert.triggered")
    assert said_again == {**known, "release": RELEASE}
    assert said(post.watch()) == []
    post.host.health.clear()
    assert post.run("probe").payload("alert.resolved")["alert_id"] == known["alert_id"]


def test_a_release_that_is_slower_than_the_one_before_is_found(post: Post):
    """Nothing is known at first; the baseline of one release is what the next is held against."""
    post.host.targets[:] = [target(watch_s=600)]
    post.host.traffic = lambda reading: load(ms=20 if reading <= 25 else 60)
    alert = post.watch().payload("alert.triggered")
    assert (alert["rule"], alert["metric"]) == ("latency-anomaly", "latency_mean_s")
    assert alert["value"] == pytest.approx(0.06)
    assert alert["baseline"] == pytest.approx(0.02)
    assert post.host.readings == 30
    after = post.watch(release="3-new", active="3-new")
    assert said(after) == []
    post.host.targets[:] = [target(watch_s=600, release="3-new")]
    slow = post.watch(release="3-new", active="3-new").payload("alert.triggered")
    assert post.host.readings == 35
    assert (slow["release"], slow["fingerprint"]) == ("3-new", alert["fingerprint"])
    assert slow["alert_id"] == alert["alert_id"]  # nobody has said that it was over


def test_a_release_that_gets_slower_little_by_little_is_found_and_teaches_nothing(post: Post):
    """The service is known from a watch before; whatever the bad release does is not usual."""
    usual = known_before(post)
    post.host.targets[:] = [target(watch_s=600)]
    known = post.host.readings
    post.host.traffic = lambda reading: load(ms=20 * 1.1 ** (reading - known))
    alert = post.watch().payload("alert.triggered")
    assert alert["rule"] == "latency-anomaly"
    assert alert["baseline"] == pytest.approx(0.02, rel=0.1)
    assert post.baseline() == usual


def test_a_release_whose_watch_is_not_over_teaches_nothing(post: Post):
    usual = known_before(post)
    post.host.targets[:] = [target(watch_s=600)]
    known = post.host.readings
    post.host.traffic = lambda _reading: load(ms=25)

    def look(_path: str) -> None:
        if post.host.readings >= known + 3:
            post.host.targets[:] = [target(release="3-other", watch_s=600)]

    post.host.look = look
    assert said(post.watch()) == []
    assert post.baseline() == usual


def test_the_first_release_of_a_service_is_held_against_its_objectives(post: Post):
    wanted = {"latency_ms": 300, "error_ratio": None}
    post.host.targets[:] = [target(watch_s=600, objectives=wanted)]
    post.host.traffic = lambda _reading: load(ms=400)
    alert = post.watch().payload("alert.triggered")
    assert (alert["rule"], alert["severity"]) == ("latency-objective", "high")
    assert (alert["release"], alert["baseline"]) == (RELEASE, 0.3)
    assert post.host.readings == 5


def test_an_alert_about_a_release_is_over_when_another_one_is_in_service(post: Post):
    post.host.traffic = lambda _reading: load(50, 30)
    fired = post.watch().payload("alert.triggered")
    assert said(post.run("probe")) == ["health.reported"]
    post.host.targets[:] = [target(release="1-before")]
    post.host.traffic = lambda _reading: load(50, 1)
    over = post.run("probe").payload("alert.resolved")
    assert (over["alert_id"], over["rule"]) == (fired["alert_id"], "error-burst")
    assert over["value"] == 0.02
    assert said(post.run("probe")) == ["health.reported"]


def test_a_watch_ends_when_its_release_does(post: Post):
    post.host.targets[:] = [target(watch_s=600)]

    def look(path: str) -> None:
        if path == "/metrics":
            post.host.targets[:] = [target(release="3-other", watch_s=600)]

    post.host.look = look
    assert said(post.watch()) == []
    assert post.host.readings == 1


def test_the_counters_of_a_former_release_are_not_held_against_it(post: Post):
    post.host.counters["shop", "production", RELEASE] = [1000, 900, 1000, 500.0]
    assert said(post.watch(action="rollback")) == []


def test_a_host_that_begins_anew_is_no_error(post: Post):
    def look(path: str) -> None:
        if path == "/metrics" and post.host.readings == 2:
            post.host.counters.clear()

    post.host.look = look
    assert said(post.watch()) == []


def test_a_door_that_is_away_for_a_moment_is_waited_for(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    post.host.traffic = lambda reading: load(50, 25 if reading > 2 else 0)

    def look(path: str) -> None:
        if post.host.asked.count("/targets") == 3 and path == "/targets":
            post.host.raw[path] = b""
        else:
            post.host.raw.clear()

    post.host.look = look
    assert post.watch().payload("alert.triggered")["rule"] == "error-burst"


def test_a_service_that_the_host_does_not_know_is_an_error(post: Post):
    ran = post.watch(service="other")
    assert said(ran, status=1) == []
    assert "is it among its `services`?" in ran.log


def test_a_watch_is_over_before_its_job_is(post: Post):
    post.host.targets[:] = [target(watch_s=600)]
    assert said(post.watch(timeout=18)) == []
