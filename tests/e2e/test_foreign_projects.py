"""Projects that were not written here go through the bots of this repository, as `foreign` says.

The operator hosts one of them only, the server. DeployBot finds out that the libraries are no
services when their gate opens.
"""

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from collections import Counter

import pytest

from bots.checking import toolbox
from e2e.foreign import PROJECTS, PUSH, SERVER, TOOLBOXES, Story, play
from executor.workshop import cannot
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level

LIBRARIES = sorted(PROJECTS.keys() - {SERVER})
SKIPPED = {SERVER: 28}
"""How many of its tests a project skips itself: these need unix sockets."""

JOBS = Counter({job: times * len(PROJECTS) for job, times in PUSH.items()}) + Counter(
    {
        "DeployBot.deploy-staging": 1,
        "DeployBot.deploy-staging: error": len(LIBRARIES),
        "MonitorBot.watch": 1,
        "NotificationBot.notify": len(PROJECTS),
    }
)
"""What the pushes lead to."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    finding = probe(Level.STRICT)
    if not finding.holds:
        cannot(f"no sandbox here: {finding.reason}")
    for name in TOOLBOXES:
        toolbox(name)
    return asyncio.run(play(tmp_path_factory.mktemp("foreign"), JOBS))


def test_every_job_that_a_push_leads_to_is_done(story: Story) -> None:
    assert story.jobs() == JOBS, [one for one in story.events if one["type"].endswith(".failed")]


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
    total, skipped = tested["counts"]["total"], SKIPPED.get(project, 0)
    passed = total - skipped
    assert tested["counts"] == {
        "total": total, "passed": passed, "failed": 0, "errors": 0, "skipped": skipped
    }  # fmt: skip
    assert (tested["checked"], tested["suppressed"]) == (passed, skipped)
    assert tested["coverage"]["line"] > 0.94
    (report,) = [one for one in tested["reports"] if one["kind"] == "test-report"]
    cases = story.path(report).read_text(encoding="utf-8").count("<testcase ")
    files = (story.sources[project] / "tests").rglob("test_*.py")
    assert cases == total >= sum(_certain(path.read_text()) for path in files)


def _certain(source: str) -> int:
    """How many tests stand in a file whatever the machine offers: none after an ``if``."""
    certain, *_ = re.split(r"^if ", source, maxsplit=1, flags=re.MULTILINE)
    return len(re.findall(r"^(?:    )?def test_", certain, re.MULTILINE))


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


def test_the_server_is_released_and_serves(story: Story) -> None:
    done = story.payload(SERVER, "deploy.completed")
    built = story.payload(SERVER, "build.completed")["artifact"]
    assert (done["outcome"], done["environment"], done["artifact"]) == ("success", "staging", built)
    assert done["active"] == done["release"]
    assert done["health"]["status"] == 200
    (history,) = [one for one in done["reports"] if one["kind"] == "deployment-history"]
    parts = json.loads(story.path(history).read_bytes())["parts"]
    assert [(one["name"], one["digest"]) for one in parts] == [(SERVER, built["digest"])]
    assert story.page.startswith("Hello world!")
    assert "SERVER_SOFTWARE = 'waitress'" in story.page


@pytest.mark.parametrize("project", LIBRARIES)
def test_what_is_not_hosted_is_not_released(story: Story, project: str) -> None:
    reason = story.payload(project, "deploy.failed")["reason"]
    assert f"`{project}.staging` is not hosted here; there is `{SERVER}.staging`" in reason


def test_the_release_is_watched(story: Story) -> None:
    release = story.payload(SERVER, "deploy.completed")["release"]
    reports = [one for said in story.payloads("health.reported") for one in said["reports"]]
    found = [json.loads(story.path(one).read_bytes()) for one in reports if "health" in one["kind"]]
    (target,) = found[-1]["targets"]
    assert (target["name"], target["state"]) == (f"{SERVER}.staging", "passing")
    assert (target["release"], target["status"]) == (release, 200)
    assert [alert for one in found for alert in one["alerts"]] == []


def test_people_hear_of_each_release_and_of_each_failure_once(story: Story) -> None:
    told = Counter((one.kind, one.to, one.subject) for one in story.told)
    release = story.payload(SERVER, "deploy.completed")["release"]
    failed = [f"[error] {name} in staging: deploy failed" for name in LIBRARIES]
    assert told == Counter(
        [
            ("chat", "releases", f"{SERVER} in staging: deploy of {release} done"),
            *(("mail", "developers@example.org", subject) for subject in failed),
            *(("chat", "changes", subject) for subject in failed),
        ]
    )
