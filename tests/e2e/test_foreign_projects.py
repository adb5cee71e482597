"""Projects that were not written here: the bots of this repository build, test, lint and scan them.

Source distributions become git repositories, as somebody would bring an existing project. Then a
change is pushed to each while the service runs, and everything else happens by itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pytest

from bots.checking import toolbox
from e2e.sdists import sources, wheels
from executor.workshop import ROOT, TOOLS, cannot, git
from lotabots.adapters.files.blobs import BlobStore
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level
from lotabots.policy.project_broker import source_of
from lotabots.service.folder import StateFolder
from running import SENDER, Watcher, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.runtime.ports import Delivery

PROJECTS = {"cachetools": "8.0.1", "itsdangerous": "2.2.0"}
"""Name and version: one of setuptools with setuptools-scm, one of flit whose tests ask for more."""

BOTS = ("BuildBot", "LintBot", "SecurityBot", "TestBot")
"""The bots that are at work; the others of the fleet are disabled."""

JOBS = Counter(
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

CHANGE = '"""Somebody adds a test."""\n\n\ndef test_of_the_change() -> None:\n    assert True\n'


class Story(NamedTuple):
    """What became of the pushes: events, outcomes of jobs, and the files that bots handed over."""

    sources: dict[str, Path]
    commits: dict[str, str]
    events: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    blobs: BlobStore

    def payload(self, project: str, event: str, **where: str) -> dict[str, Any]:
        """The payload of the one event of that type about `project`."""
        (found,) = [
            one["payload"]
            for one in self.events
            if one["type"] == event
            and one["payload"].get("repository") == project
            and where.items() <= one["payload"].items()
        ]
        assert found["change"]["id"] == self.commits[project]
        return dict(found)

    def path(self, artifact: dict[str, Any]) -> Path:
        """The file of an artifact, hashed again."""
        return self.blobs.path(artifact["digest"])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    finding = probe(Level.STRICT)
    if not finding.holds:
        cannot(f"no sandbox here: {finding.reason}")
    for name in ("build", "lint", "security", "test"):
        toolbox(name)
    root = tmp_path_factory.mktemp("foreign")
    found = sources(root / "downloads")
    wheels(root / "wheelhouse")
    _lay_out(root)
    for name, source in found.items():
        _make_repository(root, name, source)
    return asyncio.run(_run(root, found))


def _lay_out(root: Path) -> None:
    """A workspace with this repository's fleet, as an operator would set it up for `PROJECTS`."""
    for name in ("rules", "graphs", "bots", "requirements"):
        shutil.copytree(ROOT / name, root / name)
    for path in (root / "rules/bots").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if not any(re.search(rf"\bname: {bot}\b", text) for bot in BOTS):
            path.write_text(text.replace("enabled: true", "enabled: false", 1), encoding="utf-8")
    places = {"advisories": "advisories", "wheelhouse": "wheelhouse"}
    said = {
        "repositories": {name: f"{name}.git" for name in PROJECTS},
        "places": places,
        "outside": [SENDER],
    }
    (root / "lotabots.yaml").write_text(json.dumps(said), encoding="utf-8")
    (root / ".lotabots").mkdir(mode=0o700)
    (root / ".lotabots/tools").symlink_to(TOOLS)
    now = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - data must not be old
    records = ROOT / "tests/bots/data/osv"
    where = ("--name", "test", "--to", str(root / "advisories"), "--as-of", now)
    _call("-I", "-S", str(ROOT / "bots/security"), "advisories", str(records), *where)


def _make_repository(root: Path, name: str, source: Path) -> None:
    """What the distribution holds is the first commit, and in the bare repository already."""
    bare = root / f"{name}.git"
    git(root, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(source, "init", "--quiet", "--initial-branch=main")
    _push(bare, source)


def _push(bare: Path, source: Path) -> str:
    git(source, "add", "--all", "--force")
    git(source, "commit", "--quiet", "--message", "A change")
    git(source, "push", "--quiet", str(bare), "HEAD:main")
    return git(source, "rev-parse", "HEAD")


async def _run(root: Path, found: dict[str, Path]) -> Story:
    """Push a change to every project while the service runs, until all that follows is done."""
    with (root / "run.log").open("wb") as log, _service(root, log):
        await until(lambda: _is_there(root), what="the service")
        async with Watcher(root) as watcher:
            await watcher.start(str(StateFolder(root / ".lotabots").running()["url"]))
            commits = {name: _change(root, name, source) for name, source in found.items()}
            await until(lambda: _is_over(watcher), what="the end of all jobs", patience=180)
            events = [_event(one) for one in await watcher.messages("LB_EVENTS")]
            outcomes = await watcher.bodies("LB_OUTCOMES")
    return Story(found, commits, events, outcomes, BlobStore(root / ".lotabots/blobs"))


@contextmanager
def _service(root: Path, log: IO[bytes]) -> Iterator[None]:
    """The service as a user starts it; it must end well when it is told to."""
    command = [sys.executable, "-m", "lotabots", "run", "-C", str(root)]
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


async def _is_there(root: Path) -> bool:
    """Whether the service says so; earlier, a push would count as there before."""
    return "ready" in (root / "run.log").read_text(encoding="utf-8")


def _change(root: Path, name: str, source: Path) -> str:
    (source / "tests/test_of_the_change.py").write_text(CHANGE, encoding="utf-8")
    return _push(root / f"{name}.git", source)


async def _is_over(watcher: Watcher) -> bool:
    """Whether every job has ended that was given out, and the gates have said what they will."""
    outcomes = await watcher.bodies("LB_OUTCOMES")
    if any(one["outcome"] != "success" for one in outcomes):
        return True
    released = await watcher.count("LB_EVENTS", "lb.ev.gate.>")
    return len(outcomes) >= len(PROJECTS) * JOBS.total() and released >= len(PROJECTS)


def _event(delivery: Delivery) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(delivery.body)
    return said | {"source": source_of(delivery.subject)}


def _call(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, capture_output=True)


def test_every_job_that_a_push_leads_to_is_done(story: Story) -> None:
    wrong = [one for one in story.outcomes if one["outcome"] != "success"]
    assert not wrong, (wrong, [one for one in story.events if one["type"].endswith(".failed")])
    done = Counter(f"{one['bot']}.{one['action']}" for one in story.outcomes)
    assert done == Counter({job: times * len(PROJECTS) for job, times in JOBS.items()})


@pytest.mark.parametrize("project", PROJECTS)
def test_the_wheel_holds_the_code_of_its_authors_under_their_version(
    story: Story, project: str
) -> None:
    built = story.payload(project, "build.completed")
    assert built["artifact"]["name"] == f"{project}-{PROJECTS[project]}-py3-none-any.whl"
    folder = story.sources[project] / "src"
    code = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}
    with zipfile.ZipFile(story.path(built["artifact"])) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".py")}
    assert held == code


@pytest.mark.parametrize("project", PROJECTS)
def test_its_own_tests_pass_against_that_wheel(story: Story, project: str) -> None:
    tested = story.payload(project, "test.completed")
    assert tested["artifact"] == story.payload(project, "build.completed")["artifact"]
    total = tested["counts"]["total"]
    assert tested["counts"] == {
        "total": total, "passed": total, "failed": 0, "errors": 0, "skipped": 0
    }  # fmt: skip
    assert tested["coverage"]["line"] > 0.95
    (report,) = [one for one in tested["reports"] if one["kind"] == "test-report"]
    cases = story.path(report).read_text(encoding="utf-8").count("<testcase ")
    written = re.compile(r"^ *def test_", re.MULTILINE)
    files = (story.sources[project] / "tests").rglob("test_*.py")
    assert cases == total >= sum(len(written.findall(path.read_text())) for path in files)


@pytest.mark.parametrize("project", PROJECTS)
def test_it_is_linted_and_scanned_and_only_what_is_new_counts(story: Story, project: str) -> None:
    modules = sum(path.suffix in (".py", ".pyi") for path in story.sources[project].rglob("*"))
    linted = story.payload(project, "lint.completed")
    assert (linted["checked"], linted["new"]) == (modules, 0)
    assert linted["total"] > 0  # by our rules, which its authors never heard of
    scanned = story.payload(project, "security.completed", scan="code")
    assert (scanned["outcome"], scanned["new"]) == ("success", 0)
    assert scanned["checked"] >= modules
    parts = story.payload(project, "security.completed", scan="dependencies")
    assert (parts["outcome"], parts["new"], parts["advisory_db"]["name"]) == ("success", 0, "test")
    quality = story.payload(project, "quality.reported")
    assert quality["change"] == linted["change"]
    for result in (linted, scanned, parts, quality):
        assert all(story.path(one).is_file() for one in result["reports"])


@pytest.mark.parametrize("project", PROJECTS)
def test_all_results_together_ask_for_its_release(story: Story, project: str) -> None:
    asked = story.payload(project, "deploy.requested")
    assert (asked["environment"], asked["service"]) == ("staging", project)
    assert asked["artifact"] == story.payload(project, "build.completed")["artifact"]
