"""The host as a role of the service: its records, its status, its place among the processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hosting_processes import begun, ended, nothing_of, started, workspace
from hosting_shop import SHOP, Answer, Hosting, artifact, shop, until
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.hosting.host import Plan
from lotabots.service.folder import StateFolder
from processes import assert_audited
from running import Watcher

if TYPE_CHECKING:
    from pathlib import Path

NO_SANDBOX = Sandbox(None, problem="another process has it")
INSTALLER = f"""\
import json, os, sys
job = json.load(sys.stdin)
place = job["paths"]["places"]["releases:staging"]
os.makedirs(place + "/in/shop-1.dist-info")
open(place + "/in/shop.py", "w").write({SHOP.format(version="v1", health=200, start="pass")!r})
with open(place + "/in/shop-1.dist-info/entry_points.txt", "w") as file:
    file.write("[console_scripts]\\nshop = shop:main\\n")
print(json.dumps({{"type": "make.done", "payload": {{"n": job["event"]["payload"]["n"]}}}}))
"""


def lotabots(root: Path, *words: str) -> str:
    """What a command says."""
    command = [sys.executable, "-m", "lotabots", *words, "-C", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def refusal(root: Path, *words: str) -> str:
    """Why a command does nothing."""
    command = [sys.executable, "-m", "lotabots", *words, "-C", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


async def url_of(root: Path) -> str:
    """Where the service is, once it says so."""

    async def is_there() -> bool:
        return os.access(root / ".lotabots/run.json", os.R_OK)

    await until(is_there, what="the service")
    return str(StateFolder(root / ".lotabots").running()["url"])


async def test_a_host_in_a_process_of_its_own_is_on_record_and_in_the_status(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    assert hosting_sandbox.launcher is not None
    plan = Plan((shop("production"), shop("staging")))
    root = workspace(tmp_path, plan)
    client = Hosting(root / ".lotabots", plan, NO_SANDBOX)
    owner = begun(root, "--role", "engine,audit")
    url = await url_of(root)
    host = await started(root, client, "--join", "--role", "host")
    try:
        release = await client.deploy("staging", version="v1")
        assert (await client.call("monitor", "POST", "/services/shop/staging/scale")).status == 403
        services = json.loads(lotabots(root, "status", "--format", "json"))["services"]
        assert services[1] == {
            "service": "shop",
            "environment": "staging",
            "listen": client.hosted("staging").listen,
            "release": release,
            "instances": 1,
            "running": True,
        }
        said = lotabots(root, "status").splitlines()[-2:]
        production, staging = (client.hosted(one).listen for one in ("production", "staging"))
        assert said == [
            f"service   shop production at {production}: nothing is released",
            f"service   shop staging at {staging}: {release}, 1 instance",
        ]
        assert await ended(host, signal.SIGTERM) == 0
        assert await nothing_of(root)
        line = lotabots(root, "logs", "shop", "staging").splitlines()[0]
        assert line.split(" ")[1] == release
        assert "GET /healthz" in line
        assert refusal(root, "logs", "shop") == (
            "error: `shop` is hosted in `production`, `staging`; name one of them\n"
        )
        assert refusal(root, "logs", "shop", "live") == (
            "error: `shop` is not hosted in `live`, only in `production`, `staging`\n"
        )
        assert refusal(root, "logs", "blog") == (
            "error: `blog` is not hosted here; lotabots.yaml has `shop`\n"
        )
        assert lotabots(root, "status").splitlines()[-1].endswith("no host runs")
        async with Watcher(root) as watcher:
            await watcher.start(url)
            found = await watcher.messages("LB_CONTROL", "lb.ctl.host.>")
            verbs = [message.subject.removeprefix("lb.ctl.host.") for message in found]
            assert verbs == ["started", "release", "promote", "refused", "stopped"]
            refused = json.loads(found[3].body)
            assert (refused["door"], refused["verb"], refused["status"]) == (
                "monitor",
                "scale",
                403,
            )
            await assert_audited(watcher, root)
    finally:
        host.kill()
        host.wait()
        assert await ended(owner, signal.SIGTERM) == 0


async def test_a_job_puts_a_tree_where_the_host_takes_it_from(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    assert hosting_sandbox.launcher is not None
    plan = Plan((shop("staging"),))
    root = workspace(tmp_path, plan)
    _let_makebot_install(root)
    client = Hosting(root / ".lotabots", plan, NO_SANDBOX)
    process = await started(root, client)
    try:
        async with Watcher(root) as watcher:
            await watcher.start(await url_of(root))
            await watcher.emit("make.asked", {"n": 1})
            await watcher.until_count(1, "LB_OUTCOMES", "lb.out.*.MakeBot.*")
            (outcome,) = await watcher.bodies("LB_OUTCOMES", "lb.out.*.MakeBot.*")
            assert outcome["outcome"] == "success", outcome
        body = {"incoming": "in", "artifact": artifact("v1"), "job": outcome["job"]}
        path = "/services/shop/staging/releases"
        made = await client.call("deploy-staging", "POST", path, body)
        assert made.status == 201
        assert (await client.promote("staging", made.said["release"])).status == 200
        assert await client.get("staging") == Answer(200, "v1")
    finally:
        assert await ended(process, signal.SIGTERM) == 0
    assert await nothing_of(root)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--role", "host"), "there is nothing to host; add `services` to lotabots.yaml"),
        (("--role", "hosts"), "unknown role `hosts`; roles are "),
    ],
)
def test_a_host_with_nothing_to_do_says_so(tmp_path: Path, arguments: tuple[str, ...], said: str):
    root = workspace(tmp_path, Plan(()))
    process = begun(root, *arguments)
    assert process.wait(60) == 2
    assert said in (root / "run.log").read_text(encoding="utf-8")


def _let_makebot_install(root: Path) -> None:
    home = root / "bots/make"
    home.mkdir(parents=True)
    (home / "main.py").write_text(INSTALLER, encoding="utf-8")
    (home / "manifest.yaml").write_text(
        "manifest: 1\nbot: MakeBot\nentry_points:\n"
        '  make: {run: ["{python}", -I, -S, "{bot}/main.py"]}\n',
        encoding="utf-8",
    )
    rules = root / "rules/bots/makebot.yaml"
    text = rules.read_text(encoding="utf-8")
    grants = 'command: make, grants: {exec: ["{python}"], write: ["{releases:staging}"]}'
    rules.write_text(text.replace("command: make", grants), encoding="utf-8")
