"""DeployBot under its own rules, in the real sandbox, with real wheels and real releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bots.checking import toolbox
from bots.deploying import BAD_IN_PRODUCTION, Quay, completed, failed, quay, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executor.workshop import Workshop
    from lotabots.adapters.executor.executor import Sandbox


@pytest.fixture
def here(workshop: Workshop, hosting_sandbox: Sandbox) -> Iterator[Quay]:
    with quay(workshop, hosting_sandbox) as made:
        yield made


def test_a_wheel_is_installed_started_looked_at_and_put_in_service(here: Quay):
    built = service("1.0")
    ran = here.deploy(built)
    done = completed(ran)
    digest = done["artifact"]["digest"]
    release = f"1-{digest[7:19]}"
    assert (done["outcome"], done["checked"], done["suppressed"]) == ("success", 3, 0)
    assert (done["release"], done["active"], "previous" in done) == (release, release, False)
    assert done["health"] == {"status": 200, "body": "1.0"}
    assert [one["name"] for one in done["steps_ms"]] == [
        "verify", "install", "start", "check", "promote"
    ]  # fmt: skip
    assert done["tool"]["digest"] == ran.report.tool == toolbox("deploy").digest
    assert (here.active(), here.serves()) == (release, "1.0")
    assert here.wires["deploy-staging"].verbs == [
        "status", "releases", "check", "check", "check", "promote"
    ]  # fmt: skip
    assert here.incoming() == []
    assert list(here.workshop.jobs.iterdir()) == []
    told = here.report(done)
    assert told["parts"] == [{"name": "shop", "version": "1.0", "digest": digest}]
    assert (told["outcome"], told["release"], told["job"]) == ("success", release, "job1")


def test_the_next_release_names_the_one_before(here: Quay):
    first = completed(here.deploy(service("1.0")))
    done = completed(here.deploy(service("2.0"), job="job2"))
    assert (done["previous"], here.serves()) == (first["release"], "2.0")
    assert here.states() == ["spare", "active"]


def test_a_candidate_that_is_not_well_never_enters_service(here: Quay):
    first = completed(here.deploy(service("1.0")))
    bad = service("2.0", health='status, body = (503, b"no stock\\nat all")')
    done = failed(here.deploy(bad, job="job2"))
    assert (done["outcome"], done["checked"], done["active"]) == ("failure", 0, first["release"])
    assert done["reason"] == "health check 1 of 3 answered 503: no stock at all"
    assert (here.states(), here.serves()) == (["active", "discarded"], "1.0")
    assert here.report(done)["reason"] == done["reason"]


def test_three_checks_must_be_good_not_one(here: Quay):
    bad = service("2.0", health="status = 200 if Handler.count < 4 else 404")
    done = failed(here.deploy(bad))
    assert (done["outcome"], done["checked"], "active" in done) == ("failure", 2, False)
    assert done["reason"] == "health check 3 of 3 answered 404: 2.0"


def test_a_candidate_that_ends_at_once_says_why(here: Quay):
    bad = service("2.0", start='raise SystemExit("no API_TOKEN=abc123 was accepted")')
    done = failed(here.deploy(bad))
    assert done["outcome"] == "failure"
    assert done["reason"].endswith("its last words: no API_TOKEN=<masked> was accepted")
    assert here.states() == ["discarded"]


def test_what_fails_only_in_production_fails_only_there(here: Quay):
    completed(here.deploy(service("1.0"), to="production"))
    built = service("2.0", health=BAD_IN_PRODUCTION)
    assert completed(here.deploy(built, job="job2"))["outcome"] == "success"
    done = failed(here.deploy(built, to="production", job="job3"))
    assert (done["environment"], done["outcome"]) == ("production", "failure")
    assert (here.serves(), here.serves("production")) == ("2.0", "1.0")


def test_services_do_not_touch_each_other(here: Quay):
    completed(here.deploy(service("1.0")))
    built = service("5.0", name="desk")
    done = completed(here.deploy(built, service="desk", job="job2"))
    assert (done["release"][:2], "previous" in done) == ("1-", False)
    assert (here.serves(), here.serves(service="desk")) == ("1.0", "5.0")


def test_a_service_that_the_host_does_not_have_is_an_error(here: Quay):
    done = failed(here.deploy(service("1.0"), service="absent"))
    assert (done["outcome"], done["checked"]) == ("error", 0)
    assert "404" in done["reason"]
    done = failed(here.deploy(service("1.0"), service="../shop", job="job2"))
    assert done["reason"] == "`../shop` is no name of a service"


def test_a_bad_release_is_withdrawn_for_the_one_before(here: Quay):
    first = completed(here.deploy(service("1.0"), to="production"))
    second = completed(here.deploy(service("2.0"), to="production", job="job2"))
    ran = here.rollback(second["release"])
    done = completed(ran)
    assert (done["action"], done["outcome"], done["checked"]) == ("rollback", "success", 3)
    assert (done["release"], done["previous"], done["active"]) == (
        second["release"], first["release"], first["release"]
    )  # fmt: skip
    assert (here.states("production"), here.serves("production")) == (
        ["active", "withdrawn"], "1.0"
    )  # fmt: skip
    assert here.report(done)["active"] == first["release"]


def test_going_back_twice_starts_what_was_stopped_and_leaves_out_what_was_bad(here: Quay):
    names = []
    for number, version in enumerate(("1.0", "2.0", "3.0")):
        ran = here.deploy(service(version), to="production", job=f"job{number}")
        names.append(completed(ran)["release"])
    bad = service("4.0", health="status = 500")
    failed(here.deploy(bad, to="production", job="job4"))
    assert here.states("production") == ["stopped", "spare", "active", "discarded"]
    assert completed(here.rollback(names[2], job="job5"))["active"] == names[1]
    done = completed(here.rollback(names[1], job="job6"))
    assert (done["active"], done["steps_ms"][0]["name"]) == (names[0], "start")
    assert here.serves("production") == "1.0"
    done = failed(here.rollback(names[0], job="job7"))
    assert (done["outcome"], done["active"]) == ("error", names[0])
    assert done["reason"] == f"there is no release before `{names[0]}` to go back to"


def test_a_release_that_is_not_in_service_any_more_is_not_withdrawn(here: Quay):
    first = completed(here.deploy(service("1.0"), to="production"))
    second = completed(here.deploy(service("2.0"), to="production", job="job2"))
    done = failed(here.rollback(first["release"]))
    assert (done["outcome"], done["active"]) == ("cancel", second["release"])
    assert done["reason"] == (
        f"`{first['release']}` is not in service any more: {second['release']} is"
    )
    completed(here.rollback(second["release"], job="job8"))
    done = failed(here.rollback(second["release"], job="job10"))
    assert (done["outcome"], done["active"]) == ("cancel", first["release"])
    assert here.states("production") == ["active", "withdrawn"]


def test_one_does_not_go_back_to_what_is_no_better(here: Quay):
    bad = service("1.0", health="status = 200 if Handler.count < 5 else 500")
    first = completed(here.deploy(bad, to="production"))
    second = completed(here.deploy(service("2.0"), to="production", job="job2"))
    done = failed(here.rollback(second["release"]))
    assert (done["outcome"], done["active"]) == ("failure", second["release"])
    assert done["reason"] == (
        f"`{second['release']}` stays in service, `{first['release']}` is no better: "
        "health check 1 of 3 answered 500: 1.0"
    )


@pytest.mark.parametrize("release", [None, "7-absent", "../x"])
def test_what_is_to_be_withdrawn_must_be_known(here: Quay, release: str | None):
    completed(here.deploy(service("1.0"), to="production"))
    done = failed(here.rollback(release))
    assert (done["outcome"], here.states("production")) == ("error", ["active"])
