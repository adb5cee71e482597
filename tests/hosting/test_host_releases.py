"""Releases of a real host: sealed, started, promoted, taken back, scaled, pruned."""

from __future__ import annotations

import ast
import asyncio
import json
import stat
from typing import TYPE_CHECKING

from hosting_processes import nothing_of
from hosting_shop import Answer, artifact, get, hosting, shop, until

if TYPE_CHECKING:
    from pathlib import Path

    from hosting_shop import Hosting
    from lotabots.adapters.executor.executor import Sandbox

SCALABLE = (shop("staging", most=3), shop("production"))
RELEASES = "/services/shop/staging/releases"


def site_folder(host: Hosting) -> Path:
    return host.state / "hosting/staging/shop"


def history(host: Hosting) -> list[str]:
    text = (site_folder(host) / "history.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["verb"] for line in text.splitlines()]


async def test_a_release_is_sealed_checked_promoted_and_served(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        assert (await host.get("staging")).status == 503
        made = await host.release("staging", version="1.0")
        release = f"1-{artifact('1.0')[7:19]}"
        assert made == Answer(201, {"release": release})
        assert await host.states("staging") == {release: "candidate"}
        assert (await host.get("staging")).status == 503
        check = await host.call("deploy-staging", "POST", f"{RELEASES}/{release}/check")
        assert (check.status, check.said["status"], check.said["body"]) == (200, 200, "1.0")
        promoted = await host.promote("staging", release)
        assert promoted.status == 200
        assert (promoted.said["active"], promoted.said["previous"]) == (release, None)
        assert await host.get("staging") == Answer(200, 1.0)
        assert await host.states("staging") == {release: "active"}
        assert history(host) == ["sealed", "promoted"]
        assert (site_folder(host) / "current").resolve().name == release
        assert (await host.get("production")).status == 503


async def test_a_sealed_release_is_read_only_and_incoming_is_empty(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        await host.deploy("staging")
        assert list((host.state / "hosting/staging/incoming").iterdir()) == []
        (release,) = (site_folder(host) / "releases").iterdir()
        modes = {stat.S_IMODE(path.stat().st_mode) for path in release.rglob("*")}
        assert modes == {0o444, 0o555}
        assert await host.get("staging", "/write") == Answer(200, "PermissionError")


async def test_a_release_sees_its_variables_and_nothing_of_ours(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    services = (shop("staging", env={"SHOP_CURRENCY": "EUR"}),)
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        await host.deploy("staging")
        said = (await host.get("staging", "/env")).said
        names = [name for name, _ in eval(said, {})]  # noqa: S307 - what our own sample says
        assert names == ["HOME", "LC_ALL", "PORT", "SHOP_CURRENCY", "TMPDIR", "TZ"]


async def test_a_program_gets_its_arguments_and_its_port_among_them(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    services = (shop("staging", run="shop --port={port} a={port}:b {other}"),)
    # The sample serves on PORT: here only its argument can have told it.
    start = "global VERSION; VERSION = repr(sys.argv); os.environ['PORT'] = sys.argv[1][7:]"
    async with hosting(tmp_path, hosting_sandbox, services) as host:
        await host.deploy("staging", start=start)
        said = (await host.get("staging", "/version")).said
        script, first, second, third = ast.literal_eval(said)
        port = first.removeprefix("--port=")
        assert port.isdigit()
        assert (script, second, third) == ("shop", f"a={port}:b", "{other}")


async def test_a_second_release_leaves_the_first_running_as_a_spare(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        one = await host.deploy("staging", version="v1")
        two = await host.deploy("staging", version="v2")
        assert await host.get("staging") == Answer(200, "v2")
        assert await host.states("staging") == {two: "active", one: "spare"}
        three = await host.deploy("staging", version="v3")
        states = {three: "active", two: "spare", one: "stopped"}
        assert await host.states("staging") == states


async def test_a_rollback_withdraws_and_the_withdrawn_never_comes_back(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        one = await host.deploy("staging", version="v1")
        two = await host.deploy("staging", version="v2")
        three = await host.deploy("staging", version="v3")
        assert (await host.status("staging"))["back"] == two
        back = await host.promote("staging", two, "rollback", withdraw=three, reason="slow")
        assert (back.status, back.said["previous"]) == (200, three)
        assert await host.get("staging") == Answer(200, "v2")
        again = await host.promote("staging", two, "rollback", withdraw=three, reason="slow")
        assert (again.status, again.said["switch_ms"]) == (200, 0.0)
        assert (await host.promote("staging", three, "rollback")).status == 409
        assert (await host.promote("staging", three)).status == 409
        late = await host.promote("staging", one, "rollback", withdraw=three)
        assert late.said["error"] == f"`{three}` is not active any more (`{two}` is)"
        started = await host.call("rollback", "POST", f"{RELEASES}/{one}/start", {})
        assert started == Answer(200, {"release": one})
        assert (await host.promote("staging", one, "rollback", withdraw=two)).status == 200
        assert await host.get("staging") == Answer(200, "v1")
        states = {three: "withdrawn", two: "withdrawn", one: "active"}
        assert await host.states("staging") == states
        assert (await host.status("staging"))["back"] is None


async def test_the_same_job_gets_the_release_that_it_made(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        first = await host.release("staging", version="v1", job="j")
        again = await host.release("staging", version="v1", job="j")
        assert (first.status, again) == (201, first)
        other = await host.release("staging", version="v2", job="j")
        assert other.status == 409
        assert history(host) == ["sealed"]
        assert list((host.state / "hosting/staging/incoming").iterdir()) == []


async def test_a_release_that_does_not_come_up_is_discarded_with_its_last_words(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        good = await host.deploy("staging", version="v1")
        made = await host.release("staging", version="v2", start="raise SystemExit('no database')")
        assert (made.status, made.said["log"]) == (422, "no database\n")
        assert made.said["error"] == "it ended before it answered: exit status 1"
        assert sorted((await host.states("staging")).values()) == ["active", "discarded"]
        assert await host.get("staging") == Answer(200, "v1")
        assert [path.name for path in (site_folder(host) / "releases").iterdir()] == [good]
        again = await host.release("staging", version="v2")
        assert again.said["error"].startswith("this job's release was discarded: it ended")


async def test_a_release_without_the_script_is_discarded(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        made = await host.release("staging", script="other")
        assert made.status == 422
        assert made.said["error"].startswith(
            "no package of the release has a console script `shop`"
        )


async def test_a_check_of_what_ended_says_how(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        made = await host.release("staging", health=500)
        release = made.said["release"]
        path = f"{RELEASES}/{release}/check"
        assert (await host.call("deploy-staging", "POST", path)).said["status"] == 500
        (pool,) = [site._pools[release] for site in [host.host.site("shop", "staging")]]
        await get(f"127.0.0.1:{pool.upstreams[0].port}", "/end")

        async def is_over() -> bool:
            return not pool.instances

        await until(is_over)
        said = (await host.call("deploy-staging", "POST", path)).said
        assert said == {"status": 0, "ms": 0.0, "body": "it ended: exit status 3"}
        refused = await host.promote("staging", release)
        assert refused.said["error"] == f"`{release}` does not run; start it first"
        discard = {"job": "d", "reason": "unhealthy"}
        path = f"{RELEASES}/{release}/discard"
        for _ in range(2):
            assert (await host.call("deploy-staging", "POST", path, discard)).status == 200
        (row,) = (await host.status("staging"))["releases"]
        assert (row["state"], row["reason"]) == ("discarded", "unhealthy")


async def test_an_active_release_that_ends_is_started_again(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        await host.deploy("staging", version="v1")
        await host.get("staging", "/end")

        async def is_back() -> bool:
            return await host.get("staging") == Answer(200, "v1")

        await until(is_back)
        assert (await host.status("staging"))["instances"] == 1


async def test_requests_under_way_are_finished_by_the_release_that_had_them(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        one = await host.deploy("staging", version="v1")
        slow = asyncio.create_task(host.get("staging", "/slow"))
        site = host.host.site("shop", "staging")

        async def is_under_way() -> bool:
            return site.front.measures.of(one).under_way == 1

        await until(is_under_way)
        (port,) = [upstream.port for upstream in site.front.upstreams]
        two = asyncio.create_task(host.deploy("staging", version="v2"))

        async def is_switched() -> bool:
            return await host.get("staging") == Answer(200, "v2")

        await until(is_switched)
        assert not slow.done()
        await get(f"127.0.0.1:{port}", "/go")
        assert await slow == Answer(200, "v1")
        assert await host.states("staging") == {await two: "active", one: "spare"}


async def test_a_host_that_ends_takes_with_it_what_was_just_starting(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        asked = asyncio.create_task(host.release("staging", start="gate.wait()"))
        site = host.host.site("shop", "staging")

        async def is_starting() -> bool:
            return bool(site._pools) and not await nothing_of(tmp_path)

        await until(is_starting)
    await asyncio.gather(asked, return_exceptions=True)
    assert await nothing_of(tmp_path)
    async with hosting(tmp_path, hosting_sandbox) as host:
        assert list((await host.states("staging")).values()) in (["stopped"], ["discarded"])


async def test_old_folders_go_and_needed_ones_stay(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        made = [await host.deploy("staging", version=f"v{number}") for number in range(1, 8)]
        there = sorted(path.name for path in (site_folder(host) / "releases").iterdir())
        assert there == made[2:]
        gone = await host.call("rollback", "POST", f"{RELEASES}/{made[0]}/start", {})
        assert gone.said["error"].endswith("was removed; deploy its artifact again")
        bad = await host.call(
            "deploy-staging", "POST", f"{RELEASES}/{made[6]}/discard", {"job": "d"}
        )
        assert bad.status == 409


async def test_at_most_three_candidates_run(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        for number in range(1, 5):
            await host.release("staging", version=f"v{number}")
        states = (await host.states("staging")).values()
        assert list(states) == ["candidate", "candidate", "candidate", "stopped"]
        again = await host.release("staging", version="v1")
        assert again.status == 201
        states = (await host.states("staging")).values()
        assert list(states) == ["candidate", "candidate", "stopped", "candidate"]


async def test_what_changes_something_is_on_record_with_its_job(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox) as host:
        release = await host.deploy("staging")
        await host.call("monitor", "GET", "/targets")
    verbs = [verb for verb, _ in host.records]
    assert verbs == ["started", "release", "promote", "stopped"]
    assert [about["job"] for _, about in host.records[1:3]] == ["job-1", f"promote-{release}"]
    assert host.records[-1][1]["services"]["shop.staging"]["active"] == release
