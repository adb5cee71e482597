"""What each door of a real host refuses, and how it says so."""

from __future__ import annotations

import http.server
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hosting_shop import Answer, artifact, hosting, shop
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.hosting.releases import HostError
from lotabots.policy.hosting import Target
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOORS = ("deploy-production", "deploy-staging", "rollback", "monitor", "scale")
SITE = "/services/shop/staging"
VERBS: dict[str, tuple[str, str, dict[str, Any], set[str]]] = {
    "status": ("GET", SITE, {}, {"deploy-staging", "rollback", "monitor", "scale"}),
    "release": (
        "POST",
        f"{SITE}/releases",
        {"incoming": "in", "artifact": artifact("v2"), "job": "j"},
        {"deploy-staging"},
    ),
    "start": ("POST", f"{SITE}/releases/RELEASE/start", {}, {"rollback"}),
    "check": ("POST", f"{SITE}/releases/RELEASE/check", {}, {"deploy-staging", "rollback"}),
    "promote": (
        "POST",
        f"{SITE}/releases/RELEASE/promote",
        {"job": "j"},
        {"deploy-staging", "rollback"},
    ),
    "discard": ("POST", f"{SITE}/releases/RELEASE/discard", {"job": "j"}, {"deploy-staging"}),
    "scale": ("POST", f"{SITE}/scale", {"instances": 1, "job": "j", "for_s": 60}, {"scale"}),
    "targets": ("GET", "/targets", {}, {"monitor"}),
    "probe": ("GET", "/probe/shop.staging", {}, {"monitor"}),
    "metrics": ("GET", "/metrics", {}, {"monitor"}),
}
NO_SANDBOX = Sandbox(None, problem="this test has none")


async def test_every_verb_is_refused_at_every_wrong_door(tmp_path: Path):
    async with hosting(tmp_path, NO_SANDBOX) as host:
        wrong = [(door, verb) for verb in VERBS for door in DOORS if door not in VERBS[verb][3]]
        for door, verb in wrong:
            method, path, body, _ = VERBS[verb]
            answer = await host.call(door, method, path, body)
            assert answer.status == 403, (door, verb, answer)
            assert answer.said["error"].startswith(f"the door `{door}` is ")
        refused = [(about["door"], about["verb"]) for _, about in host.records[1:]]
        assert refused == wrong
        assert {verb for verb, _ in host.records[1:]} == {"refused"}
        assert (await host.status("staging"))["releases"] == []


async def test_every_verb_passes_its_own_doors(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        host.tree("staging", "in", version="v2")
        release = await host.deploy("staging", version="v1")
        for verb, (method, path, body, those) in VERBS.items():
            for door in sorted(those):
                answer = await host.call(door, method, path.replace("RELEASE", release), body)
                allowed = {200, 201, 409} if verb == "discard" else {200, 201}
                assert answer.status in allowed, (door, verb, answer)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (f"{SITE}/releases", b"{", 422, "the body is not what this verb takes: "),
        (f"{SITE}/releases", b"[]", 422, "the body is not what this verb takes: "),
        (f"{SITE}/releases", b"{}", 422, "the body is not what this verb takes: "),
        (f"{SITE}/releases", b'{"run": "sh"}', 422, "the body is not what this verb takes: "),
        (f"{SITE}/releases", b"\xff", 422, "the body is not what this verb takes: "),
        (f"{SITE}/releases", b" " * 65_537, 413, "a body has at most 65536 bytes"),
        ("/services/shop/staging/releases/1-x/check", b"", 404, "`shop.staging` has no release"),
        ("/services/other/staging/releases", b"{}", 404, "`other.staging` is not hosted here; "),
        ("/services/shop/production/releases", b"{}", 403, "the door `deploy-staging` is for "),
        ("/services/shop/staging/releases/1-x/logs", b"", 404, "there is nothing at `POST /serv"),
        ("/", b"", 404, "there is nothing at `POST /`"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(
    tmp_path: Path, path: str, body: bytes, status: int, said: str
):
    async with hosting(tmp_path, NO_SANDBOX) as host:
        answer = await host.call("deploy-staging", "POST", path, body)
        assert answer.status == status
        assert answer.said["error"].startswith(said)
        assert host.records[-1][0] == "refused"


async def test_without_a_sandbox_nothing_is_started_and_the_release_stays(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, NO_SANDBOX) as host:
        made = await host.release("staging", version="v1")
        text = "there is no sandbox here; `lotabots sandbox doctor` says why"
        assert made == Answer(503, {"error": text, "code": "no-sandbox"})
    async with hosting(tmp_path, hosting_sandbox) as host:
        assert (await host.release("staging", version="v1")).status == 201


async def test_what_cannot_be_put_on_record_is_not_done(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        active = await host.deploy("staging", version="v1")
        made = (await host.release("staging", version="v2")).said["release"]
        before = await host.status("staging")
        host.records.full = True
        refused = [
            await host.promote("staging", made),
            await host.release("staging", version="v3"),
            await host.call("scale", "POST", "/services/shop/staging/scale", {"instances": 1}),
            await host.call(
                "rollback", "POST", f"/services/shop/staging/releases/{active}/start", {}
            ),
            await host.call(
                "deploy-staging", "POST", f"/services/shop/staging/releases/{made}/discard", {}
            ),
        ]
        assert {(answer.status, answer.said["code"]) for answer in refused} == {(503, "no-records")}
        assert await host.status("staging") == before
        assert [verb for verb, _ in host.records[-5:]] == ["refused"] * 5
        assert (await host.get("staging")).said == "v1"
        host.records.full = False
        assert (await host.promote("staging", made)).status == 200


async def test_the_doors_are_for_their_owner_only_and_go_with_the_host(tmp_path: Path):
    async with hosting(tmp_path, NO_SANDBOX) as host:
        folder = host.door("monitor").parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(path.stem for path in folder.iterdir()) == sorted(DOORS)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == {0o600}
    assert list(folder.iterdir()) == []


async def test_only_one_host_has_the_state_folder(tmp_path: Path):
    async with hosting(tmp_path, NO_SANDBOX):
        with pytest.raises(HostError, match=r"another host runs with .*; only one can"):
            async with hosting(tmp_path, NO_SANDBOX):
                pass
    async with hosting(tmp_path, NO_SANDBOX):
        pass


async def test_an_address_that_is_taken_is_named(tmp_path: Path):
    async with hosting(tmp_path / "one", NO_SANDBOX) as host:
        services = (shop("staging", listen=host.hosted("staging").listen),)
        with pytest.raises(HostError, match=r"`shop\.staging` cannot listen on 127\.0\.0\.1:"):
            async with hosting(tmp_path / "two", NO_SANDBOX, services):
                pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A service that nobody hosts here."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_targets_are_the_services_and_what_is_configured(tmp_path: Path, elsewhere: str):
    nobody = f"http://127.0.0.1:{free_port()}"
    targets = (
        Target(name="docs", url=elsewhere, health="/ok", service="docs", environment="production"),
        Target(name="gone", url=nobody, service="gone"),
    )
    services = (shop("staging", watch=60, capacity=50, latency_ms=300),)
    async with hosting(tmp_path, NO_SANDBOX, services, targets) as host:
        first, docs, _ = (await host.call("monitor", "GET", "/targets")).said
        assert first == {
            "name": "shop.staging",
            "service": "shop",
            "environment": "staging",
            "release": None,
            "health": "/healthz",
            "watch_s": 60,
            "capacity": 50,
            "instances": 0,
            "listen": services[0].listen,
            "objectives": {"latency_ms": 300, "error_ratio": None},
        }
        assert (docs["service"], docs["environment"], docs["release"]) == (
            "docs",
            "production",
            None,
        )
        found = (await host.call("monitor", "GET", "/probe/docs")).said
        assert (found["status"], found["body"]) == (200, "/ok")
        assert (await host.call("monitor", "GET", "/probe/gone")).said["status"] == 0
        assert (await host.call("monitor", "GET", "/probe/shop.staging")).said["status"] == 503
        assert (await host.call("monitor", "GET", "/probe/other")).status == 404
