"""DeployBot when the host, the wire or its own process fails: nothing twice, nothing half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bots import wires
from bots.deploying import Quay, completed, failed, quay, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bots.wires import Fault
    from executor.workshop import Workshop
    from lotabots.adapters.executor.executor import Sandbox


@pytest.fixture
def here(workshop: Workshop, hosting_sandbox: Sandbox) -> Iterator[Quay]:
    with quay(workshop, hosting_sandbox) as made:
        yield made


@pytest.mark.parametrize("verb", ["status", "releases", "check", "promote"])
def test_a_deployment_that_was_killed_is_finished_and_not_done_twice(here: Quay, verb: str):
    first = completed(here.deploy(service("1.0"), job="job0"))
    built = service("2.0")
    asked = here.asked("deploy", built, to="staging", service="shop")
    here.crash(verb, "deploy-staging", asked, job="job1")
    done = completed(here.deploy(built))
    assert (done["outcome"], done["checked"], done["previous"]) == ("success", 3, first["release"])
    assert (here.states(), here.serves()) == (["spare", "active"], "2.0")
    assert here.incoming() == []


def test_a_candidate_that_went_with_the_host_is_started_again_and_not_installed_again(here: Quay):
    first = completed(here.deploy(service("1.0"), job="job0"))
    built = service("2.0")
    asked = here.asked("deploy", built, to="staging", service="shop")
    here.crash("releases", "deploy-staging", asked, job="job1")
    here.restart()
    assert (here.states(), here.serves()) == (["active", "stopped"], "1.0")
    done = completed(here.deploy(built))
    assert (done["previous"], here.serves()) == (first["release"], "2.0")
    assert [one["name"] for one in done["steps_ms"]] == ["verify", "start", "check", "promote"]


def test_a_release_that_was_replaced_while_its_job_was_forgotten_is_not_put_back(here: Quay):
    built = service("1.0")
    first = completed(here.deploy(built, job="job1"))
    second = completed(here.deploy(service("2.0"), job="job2"))
    done = failed(here.deploy(built, job="job1"))
    assert (done["outcome"], done["active"]) == ("cancel", second["release"])
    assert done["reason"] == f"`{first['release']}`, which this job put in service, is `spare` now"
    assert here.states() == ["spare", "active"]


def test_a_candidate_that_was_discarded_before_the_kill_stays_discarded(here: Quay):
    built = service("2.0", health="status = 500")
    asked = here.asked("deploy", built, to="staging", service="shop")
    here.crash("discard", "deploy-staging", asked, job="job1")
    done = failed(here.deploy(built))
    assert (done["outcome"], here.states()) == ("failure", ["discarded"])


@pytest.mark.parametrize("verb", ["status", "start", "check", "promote"])
def test_a_rollback_that_was_killed_is_finished_and_not_done_twice(here: Quay, verb: str):
    names = []
    for number, version in enumerate(("1.0", "2.0", "3.0")):
        ran = here.deploy(service(version), to="production", job=f"job{number}")
        names.append(completed(ran)["release"])
    completed(here.rollback(names[2], job="job8"))
    asked = here.asked("rollback", service(), to="production", service="shop")
    asked |= {"release": names[1], "reason": "a serious alert"}
    here.crash(verb, "rollback", asked, job="job9")
    done = completed(here.rollback(names[1]))
    assert (done["outcome"], done["active"]) == ("success", names[0])
    assert here.states("production") == ["active", "withdrawn", "withdrawn"]


@pytest.mark.parametrize("fault", [wires.lost_before, wires.lost_after, wires.broken_off])
@pytest.mark.parametrize("verb", ["status", "releases", "check", "promote"])
def test_an_answer_that_is_lost_once_does_no_harm(here: Quay, verb: str, fault: Fault):
    with here.failing(verb, fault):
        done = completed(here.deploy(service("1.0")))
    assert (done["outcome"], here.states()) == ("success", ["active"])


STRANGE = {
    "no HTTP": b"220 mail ESMTP\r\n",
    "no JSON": wires.answer(200, b"<html>"),
    "no object": wires.answer(200, b"[]"),
    "deep": wires.answer(200, b"[" * 60_000),
    "no number": wires.answer(200, b'{"ms": NaN}'),
    "huge": wires.answer(200, b'{"a": "' + b"a" * 2**20 + b'"}'),
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000,
    "empty": wires.answer(200, b"{}"),
    "wrong kinds": wires.answer(200, b'{"active": 5, "releases": {}, "status": "200"}'),
    "a path": wires.answer(
        200, b'{"active": "../../x", "releases": [], "release": "../x", "status": true}'
    ),
    "many": wires.answer(200, b'{"releases": [1, 2], "status": 1e3, "body": []}'),
    "redirect": b"HTTP/1.1 302 x\r\nLocation: http://example.org/\r\nContent-Length: 2\r\n\r\n{}",
    "forbidden": wires.answer(403, b'{"error": "not by this door"}'),
}


@pytest.mark.parametrize("verb", ["status", "releases", "check"])
def test_a_strange_answer_is_an_error_and_changes_nothing(here: Quay, verb: str):
    first = completed(here.deploy(service("1.0"), job="first"))
    for number, (kind, strange) in enumerate(STRANGE.items()):
        with here.failing(verb, strange):
            done = failed(here.deploy(service("2.0"), job=f"job{number}"))
        assert (done["outcome"], done["active"]) == ("error", first["release"]), kind
        assert here.serves() == "1.0", kind
        given_up = [one for one in here.states() if one != "active"]
        assert here.states() == ["active", *given_up], kind
        assert set(given_up) <= {"discarded"}, kind


def test_a_candidate_whose_name_was_not_understood_is_discarded(here: Quay):
    def garbled(way: wires.Way) -> None:
        way.ask()
        way.say(wires.answer(201, b'{"release": "../.."}'))

    with here.failing("releases", garbled):
        done = failed(here.deploy(service("1.0")))
    assert (done["outcome"], here.states()) == ("error", ["discarded"])
    assert done["reason"] == "the host's answer has no `release` that is the name of a release"


def test_a_switch_with_a_strange_answer_is_believed_only_if_it_is_so(here: Quay):
    first = completed(here.deploy(service("1.0"), job="job0"))
    strange = wires.answer(200, b'{"active": "9-other"}')
    with here.failing("promote", strange):
        done = failed(here.deploy(service("2.0")))
    assert (done["outcome"], here.states()) == ("error", ["active", "discarded"])

    def done_but_garbled(way: wires.Way) -> None:
        way.ask()
        way.say(strange)

    with here.failing("promote", done_but_garbled):
        done = completed(here.deploy(service("3.0"), job="job2"))
    assert (done["previous"], here.serves()) == (first["release"], "3.0")


@pytest.mark.parametrize("fault", [wires.silent, wires.dripping])
def test_a_host_that_does_not_come_to_an_end_is_not_waited_for(here: Quay, fault: Fault):
    here.hurry(timeout=8)
    with here.failing("status", fault, times=99):
        done = failed(here.deploy(service("1.0")))
    assert (done["outcome"], done["checked"]) == ("error", 0)
    assert "the host did not answer within" in done["reason"]


def test_a_host_that_is_not_there_is_an_error(here: Quay):
    here.hurry(timeout=8)
    with here.failing("status", wires.lost_before, times=99):
        done = failed(here.deploy(service("1.0")))
    assert done["outcome"] == "error"
    assert "the host cannot be reached" in done["reason"]


def test_what_cannot_be_discarded_is_said(here: Quay):
    with here.failing("discard", wires.answer(500, b'{"error": "no"}')):
        done = failed(here.deploy(service("1.0", health="status = 500")))
    assert done["outcome"] == "failure"
    assert done["reason"].endswith("and it could not be given up: the host answered 500: no")
