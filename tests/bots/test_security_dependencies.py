"""SecurityBot's check of builds against advisory data, in the real sandbox."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import Desk, desk, the_fleet, toolbox
from executor.workshop import ROOT, commit, job

if TYPE_CHECKING:
    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.files.toolbox import Toolbox

RECORDS = Path(__file__).with_name("data") / "osv"
NOW = datetime.now(UTC)  # noqa: TID251 - the bot looks at the clock


@pytest.fixture
def security(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("security")
    workshop.places = {"advisories": tmp_path / "advisories"}
    load(tmp_path / "advisories")
    return desk(workshop, tmp_path, "SecurityBot")


def load(folder: Path, *, records: Path = RECORDS, as_of: datetime | None = NOW) -> str:
    """Make the advisory database as an operator does; what the loader said."""
    command = [sys.executable, "-I", "-S", str(ROOT / "bots/security")]
    when = ["--as-of", as_of.isoformat()] if as_of else []
    done = subprocess.run(
        [*command, "advisories", str(records), "--name", "test", "--to", str(folder), *when],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def sbom(*needed: str, digest: str) -> dict[str, Any]:
    """An SBOM as BuildBot writes them: a pin has a version, all have their text."""
    components = []
    for text in needed:
        pinned = re.fullmatch(r"([\w.-]+)==([\w.!+-]+)", text)
        said = {"version": pinned[2]} if pinned else {}
        name = re.split(r"[^\w.-]", text)[0]
        properties = [{"name": "lotabots:requirement", "value": text}]
        one = {"type": "library", "name": name, **said, "properties": properties}
        components.append(one)
    components.append({"type": "file", "name": "app/__init__.py", "hashes": []})
    hashes = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    root = {"type": "library", "name": "app", "version": "1.0", "hashes": hashes}
    purl = "pkg:pypi/app@1.0"
    return {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {**root, "purl": purl}},
        "components": components,
    }


def check(security: Desk, *needed: str, document: Any = None) -> Outcome:  # noqa: ANN401 - JSON
    """What the bot says about a build that needs all this."""
    put = security.workshop.blobs.put_bytes
    wheel = put(b"a wheel")
    text = json.dumps(document or sbom(*needed, digest=wheel.digest))
    parts = put(text.encode())
    artifacts = [
        {"name": "x.whl", "kind": "wheel", "digest": wheel.digest, "size": wheel.size},
        {"name": "x.cdx.json", "kind": "sbom", "digest": parts.digest, "size": parts.size},
    ]
    payload = {"change": {"id": "c" * 40}, "artifact": artifacts[0], "artifacts": artifacts}
    return security.run("check-dependencies", payload, event="build.completed")


def said(ran: Outcome) -> dict[str, Any]:
    assert (ran.report.status, ran.codes) == (0, []), (ran.report, ran.judged, ran.log)
    return ran.payload("security.completed")


def alerts(ran: Outcome) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in ran.lines]
    return [line["payload"] for line in lines if line["type"] == "security.alert"]


def test_parts_without_known_vulnerabilities_are_a_success_with_dated_data(security: Desk):
    payload = said(check(security, "sample-web==2.2.3", "sample-forms==1.2"))
    assert (payload["scan"], payload["outcome"], payload["checked"]) == (
        "dependencies",
        "success",
        3,
    )
    assert payload["findings"] == []
    about = payload["advisory_db"]
    assert datetime.fromisoformat(about["as_of"]) == NOW
    assert (about["name"], about["packages_checked"]) == ("test", 3)


def test_a_known_vulnerability_is_found_once_under_its_common_name(security: Desk):
    ran = check(security, "sample-web==2.2.2")
    payload = said(ran)
    (found,) = payload["findings"]
    assert (payload["outcome"], payload["new"], payload["total"]) == ("failure", 1, 1)
    assert (found["rule"], found["path"]) == ("CVE-2026-90001", "sample-web==2.2.2")
    assert (found["severity"], found["message"]) == (
        "critical",
        "sample-web==2.2.2: The same, as others say it; fixed in 2.2.3, 3.0.1",
    )
    (alert,) = alerts(ran)
    assert alert["fingerprint"] == found["fp"]


MATCHES = [
    ("sample-web==1.9", ["CVE-2026-90001"]),  # the other record begins at 0
    ("Sample_Web==2.0", ["CVE-2026-90001"]),
    ("sample-web==2.2.3", []),
    ("sample-web==2.2.3.dev1", ["CVE-2026-90001"]),
    ("sample-web==3.0a1", ["CVE-2026-90001"]),
    ("sample-web==3.0.1rc1", ["CVE-2026-90001"]),
    ("sample-web==3.0.1", []),
    ("sample-web==3.0.1+local", []),
    ("sample-forms==1.0.0", ["TEST-2026-0002"]),
    ("sample-forms==1.1", ["TEST-2026-0002"]),
    ("sample-forms==1.2", []),
    ("sample-left==99", ["TEST-2026-0004"]),
    ("never-heard-of==1", []),
    # Without a pin: is there a version that the requirement allows and that is free of it?
    ("sample-web", []),
    ("sample-web>=2", []),
    ("sample-web<2.2", ["CVE-2026-90001"]),
    ("sample-web>=3.0.1,<4", []),
    ("sample-web==2.*", []),
    ("sample-web==3.0.*,<3.0.1", ["CVE-2026-90001"]),
    ("sample-forms>=1", ["TEST-2026-0002"]),  # nothing says that there is a 1.2
    ("sample-forms>=1.2", []),
    ("sample-left", ["TEST-2026-0004"]),
    ("sample-left>=5; python_version > '3'", ["TEST-2026-0004"]),
    # What cannot be looked up is said.
    ("sample-web==not.a.version", ["uncheckable-part"]),
    ("sample-web @ https://example.org/x.whl", ["uncheckable-part"]),
    ("sample-web ???", ["uncheckable-part"]),
]


@pytest.mark.parametrize(("needed", "found"), MATCHES)
def test_versions_are_matched_as_python_compares_them(
    matched: dict[str, list[str]], needed: str, found: list[str]
):
    assert matched[needed] == found


MATCHER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import advisories, matching
matcher = matching.Matcher(advisories.Database(Path(sys.argv[3])), sys.argv[2])
def rules(document):
    return [one.rule for one in matcher.findings(matching.parts(document, built="sha256:0"))]
print(json.dumps({text: rules(document) for text, document in json.load(sys.stdin).items()}))
"""


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The rules of what the matcher finds for each requirement, without a sandbox."""
    folder = tmp_path_factory.mktemp("advisories")
    load(folder)
    documents = {text: sbom(text, digest="sha256:0") for text, _ in MATCHES}
    tools = str(toolbox("security").packages)
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            MATCHER,
            str(ROOT / "bots/security"),
            tools,
            str(folder),
        ],
        input=json.dumps(documents),
        check=True,
        capture_output=True,
        text=True,
    )
    rules: dict[str, list[str]] = json.loads(done.stdout)
    return rules


def test_old_data_are_an_error_that_says_how_old(security: Desk):
    load(security.workshop.places["advisories"], as_of=NOW - timedelta(days=15))
    payload = said(check(security, "sample-forms==1.2"))
    assert (payload["outcome"], payload["new"]) == ("error", 1)
    assert payload["findings"][0]["rule"] == "advisories-stale"
    assert "more than 14 days ago" in payload["findings"][0]["message"]
    about = payload["advisory_db"]
    assert datetime.fromisoformat(about["as_of"]) == NOW - timedelta(days=15)


def test_data_from_the_future_are_an_error(security: Desk):
    load(security.workshop.places["advisories"], as_of=NOW + timedelta(days=2))
    assert said(check(security, "sample-forms==1.2"))["outcome"] == "error"


@pytest.mark.parametrize("fault", ["absent", "empty", "damaged", "other"])
def test_missing_data_are_an_error_and_no_clean_result(security: Desk, fault: str):
    path = security.workshop.places["advisories"] / "advisories.sqlite"
    data = path.read_bytes()
    path.unlink()
    if fault == "empty":
        path.touch()
    elif fault == "damaged":
        path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    elif fault == "other":
        path.write_text("[]")
    ran = check(security, "sample-forms==1.2")
    payload = said(ran)
    assert (payload["outcome"], payload["new"]) == ("error", 1)
    assert payload["findings"][0]["rule"] == "advisories-missing"
    assert "advisory_db" not in payload


def test_without_a_place_for_the_data_the_bot_does_not_start(security: Desk):
    security.workshop.places = {}
    ran = check(security, "sample-forms==1.2")
    assert ran.lines == []
    assert "{advisories}" in ran.report.refused


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bomFormat": "other"}, "the SBOM is not that of the artifact"),
        ({"metadata": {}}, "the SBOM lacks 'component'"),
        ({"components": [1]}, "the SBOM lacks 'int' object is not subscriptable"),
    ],
)
def test_an_sbom_that_is_not_that_of_the_build_is_an_error(
    security: Desk, change: dict[str, Any], reason: str
):
    digest = security.workshop.blobs.put_bytes(b"a wheel").digest
    ran = check(security, document={**sbom(digest=digest), **change})
    assert (ran.report.status, ran.lines, ran.log) == (1, [], f"no result: {reason}\n")


def test_an_sbom_of_another_artifact_is_an_error(security: Desk):
    other = security.workshop.blobs.put_bytes(b"another wheel").digest
    ran = check(security, document=sbom(digest=other))
    assert ran.log == "no result: the SBOM is not that of the artifact\n"


def test_what_buildbot_builds_can_be_looked_up(
    workshop: Workshop, tmp_path: Path, security: Desk, build_toolbox: Toolbox
):
    pyproject = (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "app"\nversion = "1.0"\n'
        'dependencies = ["sample-web==2.2.2", "sample-other>=1"]\n'
    )
    bare, made = commit(tmp_path / "app", {"pyproject.toml": pyproject, "app/__init__.py": ""})
    workshop.repositories = {"p": bare}
    workshop.bots = ROOT / "bots"
    assert build_toolbox.digest
    pushed = {"repository": "p", "change": {"id": made}}
    cause = job(pushed, type="change.pushed", bot="BuildBot", action="build")
    built = workshop.run(workshop.executor(the_fleet()), cause).payload("build.completed")
    payload = said(security.run("check-dependencies", built, event="build.completed"))
    assert payload["advisory_db"]["packages_checked"] == 3
    rules = [(one["rule"], one["path"]) for one in payload["findings"]]
    assert rules == [("CVE-2026-90001", "sample-web==2.2.2")]


def test_newer_data_about_an_old_build_are_an_alert_once(security: Desk, tmp_path: Path):
    place = security.workshop.places["advisories"]
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    (fewer / "one.json").write_bytes((RECORDS / "TEST-2026-0002.json").read_bytes())
    load(place, records=fewer)
    assert said(check(security, "sample-web==2.2.2"))["new"] == 0
    news = {"name": "test", "as_of": NOW.isoformat(), "digest": f"sha256:{'0' * 64}"}
    load(place)
    ran = security.run("recheck", news, event="advisories.updated")
    assert (ran.report.status, ran.codes, ran.log) == (0, [], "")
    (alert,) = alerts(ran)
    assert (alert["repository"], alert["rule"]) == ("p", "CVE-2026-90001")
    assert alert["advisory_db"]["packages_checked"] == 2
    assert alerts(security.run("recheck", news, event="advisories.updated")) == []
    load(place, as_of=NOW - timedelta(days=30))
    ran = security.run("recheck", news, event="advisories.updated")
    assert (ran.report.status, ran.lines) == (1, [])
    assert "more than 14 days ago" in ran.log


def test_the_loader_reads_folders_and_archives_and_dates_them_by_the_newest(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in RECORDS.glob("*.json"):
            archive.write(path, path.name)
    expected = "5 records of test as of 2026-03-02T00:00:00+00:00\n"
    assert load(tmp_path / "a", as_of=None) == expected
    assert load(tmp_path / "b", records=tmp_path / "all.zip", as_of=None) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "one.json is no OSV record"),
        ('{"id": "x"}', "Invalid isoformat string: ''"),
        ('{"id": "x", "modified": "2026-01-01"}', "the time `2026-01-01` has no offset"),
        ("{", "Expecting property name"),
    ],
)
def test_the_loader_refuses_what_is_no_record_and_keeps_the_old_data(
    tmp_path: Path, text: str, reason: str
):
    load(tmp_path / "db")
    before = (tmp_path / "db/advisories.sqlite").read_bytes()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/one.json").write_text(text)
    assert load(tmp_path / "db", records=tmp_path / "bad").startswith(f"no database: {reason}")
    assert (tmp_path / "db/advisories.sqlite").read_bytes() == before


def test_an_empty_folder_makes_no_database(tmp_path: Path):
    (tmp_path / "none").mkdir()
    said = load(tmp_path / "db", records=tmp_path / "none")
    assert said == "no database: no OSV records in none\n"
    assert not (tmp_path / "db/advisories.sqlite").exists()
