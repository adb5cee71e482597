"""Plays what `test_foreign_projects.py` judges: pushes to projects that were not written here.

Source distributions become git repositories, as somebody would bring existing projects, and the
fleet of this repository works on them. Two are libraries. The third is a server, and hosted; its
tests are told that they run where there are no unix sockets, as TestBot's sandbox has none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from aiohttp import ClientSession

import people
from e2e.sdists import sources, wheels
from executor.workshop import ROOT, TOOLS, git
from lotabots.adapters.files.blobs import BlobStore
from lotabots.policy.project_broker import source_of
from lotabots.service.folder import StateFolder
from ports import free_port
from running import SENDER, Watcher, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.runtime.ports import Delivery

SERVER = "waitress"
PROJECTS = {"cachetools": "8.0.1", "itsdangerous": "2.2.0", SERVER: "3.0.2"}
"""Name and version: one of setuptools with setuptools-scm, one of flit whose tests ask for more
than they bring, and one whose tests start servers.
"""

RUN = "waitress-serve --host=127.0.0.1 --port={port} wsgiref.simple_server:demo_app"
WATCH_S = 2
"""How long MonitorBot stays with a new release."""

TOOLBOXES = ("build", "deploy", "lint", "security", "test")
BOTS = frozenset(
    {
        "BuildBot",
        "DeployBot",
        "LintBot",
        "MonitorBot",
        "NotificationBot",
        "SecurityBot",
        "TestBot",
    }
)
"""The bots that are at work; the others of the fleet are disabled."""

PUSH = Counter(
    {
        "BuildBot.build": 1,
        "LintBot.lint": 1,
        "LintBot.report-quality": 1,
        "SecurityBot.check-dependencies": 1,
        "SecurityBot.scan-code": 1,
        "TestBot.run-tests": 1,
    }
)
"""What one push leads to."""

BY_THE_CLOCK = ("MonitorBot.probe", "MonitorBot.sample")
"""What happens every minute, with or without a push."""

CHANGE = '"""Somebody adds a test."""\n\n\ndef test_of_the_change() -> None:\n    assert True\n'
ADAPTED = (
    '"""Whoever needs unix sockets asks for this name."""\n\nimport socket\n\ndel socket.AF_UNIX\n'
)


class Story(NamedTuple):
    """What became of the pushes: events, outcomes of jobs, and the files that bots handed over.

    `page` is what the server answered customers, `told` are the mails and messages that people got.
    """

    sources: dict[str, Path]
    commits: dict[str, str]
    events: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    page: str
    told: list[people.Message]
    blobs: BlobStore

    def payload(self, project: str, event: str, **where: str) -> dict[str, Any]:
        """The payload of the one event of that type about `project`."""
        (found,) = [
            payload
            for payload in self.payloads(event)
            if payload.get("repository") == project and where.items() <= payload.items()
        ]
        assert found["change"]["id"] == self.commits[project]
        return found

    def payloads(self, event: str) -> list[dict[str, Any]]:
        """The payloads of all events of that type."""
        return [one["payload"] for one in self.events if one["type"] == event]

    def path(self, artifact: dict[str, Any]) -> Path:
        """The file of an artifact, hashed again."""
        return self.blobs.path(artifact["digest"])

    def jobs(self) -> Counter[str]:
        """How often each action ended how, without those that the clock starts."""
        return done(self.outcomes)


def done(outcomes: list[dict[str, Any]]) -> Counter[str]:
    """``Bot.action``, and how it ended if not with success."""
    found: Counter[str] = Counter()
    for one in outcomes:
        if (job := f"{one['bot']}.{one['action']}") not in BY_THE_CLOCK:
            found[job if one["outcome"] == "success" else f"{job}: {one['outcome']}"] += 1
    return found


async def play(root: Path, until_over: Counter[str]) -> Story:
    """Push a change to every project while the service runs, until the jobs `until_over` are done.

    Raises:
        AssertionError: that did not happen.
    """
    found = sources(root / "downloads")
    wheels(root / "wheelhouse")
    _lay_out(root)
    for name, source in found.items():
        _make_repository(root, name, source)
    names = {"mail": "mail.example.org:587", "chat": "chat.example.org:443"}
    with people.listening(root / "channels", **names) as receivers:
        port = free_port()
        _settle(root, receivers, port)
        with (root / "run.log").open("wb") as log, _service(root, log, receivers.secrets):
            await until(lambda: _is_there(root), what="the service")
            async with Watcher(root) as watcher:
                await watcher.start(str(StateFolder(root / ".lotabots").running()["url"]))
                commits = {name: _change(root, name, source) for name, source in found.items()}
                await _until_over(watcher, until_over)
                await until(lambda: _is_probed(watcher), what="the next minute", patience=120)
                page = await _page(port)
                events = [_event(one) for one in await watcher.messages("LB_EVENTS")]
                outcomes = await watcher.bodies("LB_OUTCOMES")
    blobs = BlobStore(root / ".lotabots/blobs")
    return Story(found, commits, events, outcomes, page, receivers.received, blobs)


def _lay_out(root: Path) -> None:
    """A workspace with this repository's fleet, as an operator would set it up for `PROJECTS`."""
    for name in ("rules", "graphs", "bots", "requirements"):
        shutil.copytree(ROOT / name, root / name)
    for path in (root / "rules/bots").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if not any(re.search(rf"\bname: {bot}\b", text) for bot in BOTS):
            path.write_text(text.replace("enabled: true", "enabled: false", 1), encoding="utf-8")
    (root / ".lotabots").mkdir(mode=0o700)
    (root / ".lotabots/tools").symlink_to(TOOLS)
    now = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - data must not be old
    records = ROOT / "tests/bots/data/osv"
    where = ("--name", "test", "--to", str(root / "advisories"), "--as-of", now)
    command = ("-I", "-S", str(ROOT / "bots/security"), "advisories", str(records), *where)
    subprocess.run([sys.executable, *command], check=True, capture_output=True)


def _settle(root: Path, receivers: people.People, port: int) -> None:
    """Say what is hosted at `port`, and where people are reached."""
    staging = {"listen": f"127.0.0.1:{port}", "watch": WATCH_S}
    service = {"run": RUN, "health": "/", "environments": {"staging": staging}}
    ports = {people.MAIL: receivers.mail_port, people.CHAT: receivers.chat_port}
    said = {
        "repositories": {name: f"{name}.git" for name in PROJECTS},
        "places": {name: name for name in ("advisories", "channels", "wheelhouse")},
        "outside": [SENDER],
        "services": {SERVER: service},
        "relays": {name: f"127.0.0.1:{port}" for name, port in ports.items()},
    }
    (root / "lotabots.yaml").write_text(json.dumps(said), encoding="utf-8")


def _make_repository(root: Path, name: str, source: Path) -> None:
    """What the distribution holds is the first commit, and in the bare repository already."""
    bare = root / f"{name}.git"
    git(root, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(source, "init", "--quiet", "--initial-branch=main")
    _push(bare, source)


def _change(root: Path, name: str, source: Path) -> str:
    (source / "tests/test_of_the_change.py").write_text(CHANGE, encoding="utf-8")
    if name == SERVER:
        (source / "tests/conftest.py").write_text(ADAPTED, encoding="utf-8")
    return _push(root / f"{name}.git", source)


def _push(bare: Path, source: Path) -> str:
    git(source, "add", "--all", "--force")
    git(source, "commit", "--quiet", "--message", "A change")
    git(source, "push", "--quiet", str(bare), "HEAD:main")
    return git(source, "rev-parse", "HEAD")


@contextmanager
def _service(root: Path, log: IO[bytes], secrets: dict[str, str]) -> Iterator[None]:
    """The service as a user starts it; it must end well when it is told to."""
    command = [sys.executable, "-m", "lotabots", "run", "-C", str(root)]
    environment = os.environ | secrets
    with subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process:
        try:
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


async def _is_there(root: Path) -> bool:
    """Whether the service says so; earlier, a push would count as there before."""
    return "ready" in (root / "run.log").read_text(encoding="utf-8")


async def _until_over(watcher: Watcher, wanted: Counter[str]) -> None:
    """Wait until all jobs are done that are `wanted`, or one more than these."""

    async def is_over() -> bool:
        found = done(await watcher.bodies("LB_OUTCOMES"))
        return found >= wanted or bool(found - wanted)

    await until(is_over, what="the end of all jobs", patience=180)


async def _is_probed(watcher: Watcher) -> bool:
    """Whether MonitorBot has looked, as it does every minute, since its watch has ended."""
    jobs = [(one["bot"], one["action"]) for one in await watcher.bodies("LB_OUTCOMES")]
    return ("MonitorBot", "probe") in jobs[jobs.index(("MonitorBot", "watch")) :]


async def _page(port: int) -> str:
    """What the front of the server answers."""
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
        assert answer.status == 200
        return await answer.text()


def _event(delivery: Delivery) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(delivery.body)
    return said | {"source": source_of(delivery.subject)}
