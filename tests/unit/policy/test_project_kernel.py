"""Grants become a sandbox policy, or problems; never a wider policy."""

from __future__ import annotations

import pytest

from lotabots.model.bot import MIB, Action, Bot, Constraints, Grants
from lotabots.policy.grant_form import relay_name, valid_destination, valid_way
from lotabots.policy.project_kernel import (
    KernelPolicy,
    Limits,
    Net,
    Place,
    Projection,
    project,
)

PLACES = {
    "out": Place("/state/jobs/1/out"),
    "artifact": Place("/state/blobs/a"),
    "toolbox:test": Place("/state/tools/test", code=True),
}
RELAYS = {"mail": "mx.example.org:587", "monitor": "unix:/state/doors/monitor.sock"}


def _project(grants: Grants, **secrets: str) -> Projection:
    bot = Bot(
        name="TestBot",
        actions=(Action(name="run", grants=grants),),
        constraints=Constraints(timeout=900),
    )
    return project(
        bot,
        grants,
        cwd="/state/jobs/1/out",
        places=PLACES,
        relays=RELAYS,
        secrets=secrets,
        env={"LANG": "C"},
    )


def test_every_grant_finds_its_member() -> None:
    grants = Grants(
        read=("{artifact}", "{toolbox:test}", "/usr/share/zoneinfo"),
        write=("{out}",),
        exec=("{toolbox:test}/bin/python",),
        network=("smtp.example.org:25",),
        secrets=("TOKEN",),
        memory=MIB + 1,
        processes=8,
        cpu=60,
        output=1000,
        disk=5 * MIB,
    )
    assert _project(grants, TOKEN="t").policy == KernelPolicy(  # noqa: S106 - no secret
        name="TestBot",
        cwd="/state/jobs/1/out",
        read=("/state/blobs/a", "/usr/share/zoneinfo"),
        runtime=("/state/tools/test",),
        write=("/state/jobs/1/out",),
        exec=("/state/tools/test/bin/python",),
        net=Net(connect=("smtp.example.org:25",)),
        env={"LANG": "C", "TOKEN": "t"},
        limits=Limits(memory_mb=2, processes=8, cpu_s=60, wall_s=900, output_bytes=1000, disk_mb=5),
    )


def test_no_grants_are_an_empty_policy() -> None:
    policy = _project(Grants()).policy
    assert policy is not None
    assert (policy.read, policy.write, policy.exec, policy.runtime) == ((), (), (), ())
    assert policy.net == Net()
    assert policy.env == {"LANG": "C"}


@pytest.mark.parametrize(
    ("grants", "problem"),
    [
        (Grants(read=("{toolbox:lint}",)), "`{toolbox:lint}` has no place"),
        (
            Grants(read=("{advisories}",)),
            "`{advisories}` has no place; name its folder under `places` in lotabots.yaml",
        ),
        (
            Grants(read=("{advisories}/osv",)),
            (
                "`{advisories}` in `{advisories}/osv` has no place; "
                "name its folder under `places` in lotabots.yaml"
            ),
        ),
        (
            Grants(write=("{releases:staging}",)),
            (
                "`{releases:staging}` has no place; configure a service with the "
                "environment `staging` under `services` in lotabots.yaml"
            ),
        ),
        (Grants(write=("out",)), "path `out` is neither absolute nor begins with a placeholder"),
        (
            Grants(read=("/x/{out}",)),
            "a placeholder stands only at the beginning, not as in `/x/{out}`",
        ),
        (Grants(write=("{out}/../..",)), "path `{out}/../..` leaves its folder"),
        (
            Grants(write=("{out}x",)),
            "path `{out}x` leaves the folder that `{out}` stands for",
        ),
        (
            Grants(network=("example.org",)),
            "network grant `example.org` is neither host:port nor {relay:NAME}",
        ),
        (
            Grants(network=("{relay:mail}:25",)),
            "network grant `{relay:mail}:25` is neither host:port nor {relay:NAME}",
        ),
        (
            Grants(network=("{relay:chat}",)),
            "relay `chat` leads nowhere; name its place under `relays` in lotabots.yaml",
        ),
        (
            Grants(network=("{relay:mail}", "mail:80")),
            "`mail:80` is a relay and a destination; grant one of them",
        ),
        (Grants(secrets=("KEY",)), "secret `KEY` has no value"),
    ],
)
def test_what_cannot_be_projected_is_a_problem(grants: Grants, problem: str) -> None:
    assert _project(grants) == Projection(policy=None, problems=(problem,))


def test_a_secret_does_not_replace_a_variable() -> None:
    problem = "secret `LANG` has the name of a plain variable"
    assert _project(Grants(secrets=("LANG",)), LANG="x").problems == (problem,)


def test_a_relay_is_a_host_inside_that_leads_elsewhere() -> None:
    policy = _project(Grants(network=("{relay:monitor}", "a:1", "{relay:mail}"))).policy
    assert policy is not None
    assert policy.net == Net(
        connect=("a:1", "mail:80", "monitor:80"),
        via={"mail:80": "mx.example.org:587", "monitor:80": "unix:/state/doors/monitor.sock"},
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{relay:deploy-staging}", "deploy-staging"),
        ("{relay:m2}", "m2"),
        *((text, "") for text in ("{relay:}", "{relay}", "{relay:a}x", "x{relay:a}", "relay:a")),
        *((text, "") for text in ("{relay:A}", "{relay:1}", "{relay:a_b}", "{relay:a:80}")),
        *((text, "") for text in ("{relay:-a}", "{relay:a}\n", "{relay: a}", "{relay:\u0430}")),
    ],
)
def test_only_the_exact_form_names_a_relay(text: str, name: str) -> None:
    assert relay_name(text) == name


@pytest.mark.parametrize("text", ["a:1", "[::1]:443", "unix:/a", "unix:/a b/..c/d.sock"])
def test_ways(text: str) -> None:
    assert valid_way(text)


@pytest.mark.parametrize(
    "text",
    [
        "unix:a",
        "unix:",
        "unix:/",
        "unix:/a/",
        "unix:/a/../b",
        "unix:/..",
        "unix:/a\0",
        "/a",
        "a",
        "",
    ],
)
def test_no_ways(text: str) -> None:
    assert not valid_way(text)


@pytest.mark.parametrize("text", ["a:1", "10.0.0.1:65535", "[::1]:443", "a-b.example:80"])
def test_destinations(text: str) -> None:
    assert valid_destination(text)


@pytest.mark.parametrize(
    "text",
    ["a", "a:", ":1", "a:0", "a:65536", "a:1:2", "-a:1", "a b:1", "a:\uff11", "http://a:1", ""],
)
def test_no_destinations(text: str) -> None:
    assert not valid_destination(text)
