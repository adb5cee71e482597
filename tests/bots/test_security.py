"""SecurityBot's scan of real commits in the real sandbox."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import Desk, desk, left_behind, toolbox
from executor.workshop import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Outcome, Workshop

CLEAN = {"app/__init__.py": "", "app/code.py": "ANSWER = 42\n"}
RANDOM = "aB3xK9" + "zQ7mP2wL5v"  # in two parts, so that no scanner takes this file for a leak
TOKEN = "ghp_" + "a1B2c3D4" * 5
KEY = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEow" + "IBAAKCAQ\n"


@pytest.fixture
def security(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("security")
    return desk(workshop, tmp_path, "SecurityBot")


def said(ran: Outcome) -> dict[str, Any]:
    assert (ran.report.status, ran.codes) == (0, []), (ran.report, ran.judged, ran.log)
    return ran.payload("security.completed")


def alerts(ran: Outcome) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in ran.lines]
    return [line["payload"] for line in lines if line["type"] == "security.alert"]


def places(payload: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["rule"], one["path"], one["line"]) for one in payload["findings"]]


def scan(security: Desk, files: dict[str, str | bytes | None], base: str = "") -> Outcome:
    return security.push("scan-code", security.project.commit(files), base)


def test_a_clean_commit_is_a_success_with_all_files_looked_at(security: Desk):
    ran = scan(security, {**CLEAN, "README.md": "# x\n"})
    payload = said(ran)
    assert payload.pop("tool")["digest"] == toolbox("security").digest
    assert payload.pop("duration_s") > 0
    assert [one["kind"] for one in payload.pop("reports")] == ["security-report"]
    assert payload.pop("change")["id"]
    assert payload == {
        "repository": "p",
        "scan": "code",
        "outcome": "success",
        "checked": 2,
        "suppressed": 0,
        "new": 0,
        "total": 0,
        "by_severity": {"low": 0, "medium": 0, "high": 0, "critical": 0},
        "findings": [],
    }
    assert alerts(ran) == []


def test_an_insecure_call_is_new_and_what_was_there_is_not(security: Desk):
    old = "import subprocess\n\n\ndef f(x):\n    return eval(x)\n"
    base = security.project.commit({**CLEAN, "app/old.py": old})
    more = f"{old}\n\ndef g(x):\n    subprocess.run(x, shell=True)\n"
    payload = said(scan(security, {"app/old.py": more}, base))
    assert (payload["outcome"], payload["new"], payload["total"]) == ("failure", 1, 2)
    assert places(payload) == [("S602", "app/old.py", 9), ("S307", "app/old.py", 5)]
    assert payload["by_severity"] == {"low": 0, "medium": 0, "high": 2, "critical": 0}


def test_a_bad_commit_is_not_the_baseline_of_the_next(security: Desk):
    good = security.project.commit(CLEAN)
    bad = security.project.commit({"app/code.py": "def f(x):\n    return eval(x)\n"})
    later = security.project.commit({"README.md": "unrelated\n"})
    assert said(security.push("scan-code", bad, good))["new"] == 1
    assert said(security.push("scan-code", later, bad))["new"] == 1


SECRETS = [
    ("app/key.pem", KEY, "private-key", "critical", 1),
    ("app/code.py", f"T = '{TOKEN}'\n", "github-token", "critical", 1),
    ("notes.txt", f"use {TOKEN} here\n", "github-token", "critical", 1),
    (".env", f"\n\nAPI_KEY={RANDOM}\n", "assigned-secret", "high", 3),
    ("a.yaml", f"db:\n  password: {RANDOM}\n", "assigned-secret", "high", 2),
    ("a.json", f'{{"client_secret": "{RANDOM}"}}\n', "assigned-secret", "high", 1),
    ("app/code.py", f"def f(token='{RANDOM}'):\n    pass\n", "assigned-secret", "high", 1),
    ("app/code.py", f"password: str = '{RANDOM}'\n", "assigned-secret", "high", 1),
    ("a.toml", f'u = "postgres://app:{RANDOM}@db/x"\n', "url-password", "high", 1),
    ("a.bin", b"\0\1\2" + TOKEN.encode() + b"\n\xff", "github-token", "critical", 1),
    ("u16.txt", f"x\n{TOKEN}".encode("utf-16"), "github-token", "critical", 2),
]


def test_a_secret_is_found_wherever_it_lies_and_never_shown(security: Desk):
    files = {f"{n}/{name}": content for n, (name, content, *_) in enumerate(SECRETS)}
    ran = scan(security, {**CLEAN, **files})
    payload = said(ran)
    found = {one["path"]: one for one in payload["findings"]}
    for n, (name, _, rule, severity, line) in enumerate(SECRETS):
        one = found.pop(f"{n}/{name}")
        assert (one["rule"], one["severity"], one["line"]) == (rule, severity, line), name
    assert found == {}
    assert payload["total"] == len(SECRETS)
    kept = b"\n".join(ran.lines) + ran.log.encode() + left_behind(security.workshop)
    for secret in (TOKEN, RANDOM, "MIIEow"):
        assert secret.encode() not in kept
    assert b"<secret>" not in kept  # nor the line around it


def test_a_password_for_a_person_to_type_is_found_without_its_text(security: Desk):
    """Too plain for the scanner of secrets, but the linter's rule knows the name."""
    ran = scan(security, {**CLEAN, "app/code.py": 'password = "correct horse"\n'})
    assert places(said(ran)) == [("S105", "app/code.py", 1)]
    kept = b"\n".join(ran.lines) + left_behind(security.workshop)
    assert b"horse" not in kept


def test_a_critical_finding_is_an_alert_that_has_the_same_id_again(security: Desk):
    files = {**CLEAN, "app/key.pem": KEY, "app/code.py": "def f(x):\n    return eval(x)\n"}
    commit = security.project.commit(files)
    (first,) = alerts(security.push("scan-code", commit))
    (again,) = alerts(security.push("scan-code", commit))
    assert first["alert_id"] == again["alert_id"]
    assert (first["rule"], first["severity"]) == ("private-key", "critical")
    assert first["message"] == (
        "app/key.pem: looks like a private key: take it out and make it worthless"
    )


def test_a_secret_that_takes_the_place_of_another_is_new(security: Desk):
    base = security.project.commit({**CLEAN, ".env": f"API_KEY={RANDOM}\n"})
    payload = said(scan(security, {".env": f"API_KEY={RANDOM[::-1]}\n"}, base))
    assert (payload["new"], payload["total"]) == (1, 1)


PLAIN = """
password = os.environ["PASSWORD"]
token = get_token(request)
secret_name = "projects/app/secrets/db"
api_key = "<your key here>"
password: ${DB_PASSWORD}
next_token_index = tokens[index + 1]
url = "https://example.org/a:b@c"
url = "https://{user}:{password}@example.org"
Password: changeme
"""


def test_what_only_talks_about_secrets_is_none(security: Desk):
    assert said(scan(security, {**CLEAN, "notes.md": PLAIN}))["findings"] == []


HOSTILE = {
    "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n[tool.bandit]\nskips = ["B307"]\n',
    "ruff.toml": 'exclude = ["*"]\n',
    ".bandit": "[bandit]\nskips: B307\n",
    ".secrets.baseline": "{}\n",
    ".gitattributes": "* export-ignore\n",
    ".gitignore": "*\n",
    "app/noqa.py": "eval(x)  # noqa: S307\n",
    "app/nosec.py": "eval(x)  # nosec\n",
    "app/whole.py": "# ruff: noqa\n# flake8: noqa\neval(x)\n",
    "app/range.py": "# ruff: disable[S307]\neval(x)\n# ruff: enable[S307]\n",
    "app/pragma.py": f"k = '{TOKEN}'  # pragma: allowlist secret\n",
    "tests/test_it.py": "eval(x)\n",
    "build/hidden.py": "eval(x)\n",
    "bin/tool": "#!/usr/bin/python3\neval(x)\n",
}


def test_nothing_that_a_project_says_silences_anything(security: Desk):
    payload = said(scan(security, dict(HOSTILE)))
    assert {path for _, path, _ in places(payload)} == {
        *("app/noqa.py", "app/nosec.py", "app/whole.py", "app/range.py", "app/pragma.py"),
        *("tests/test_it.py", "build/hidden.py", "bin/tool"),
    }
    assert payload["new"] == payload["total"] == 8


def test_what_cannot_be_looked_at_is_a_finding_not_a_gap(security: Desk):
    files: dict[str, str | bytes | None] = {
        **CLEAN,
        "app/huge.py": "x = 1\n" * 400_000,
        "app/broken.py": "eval(x)\ndef f(:\n",
        "data.bin": b"\0" * (64 * 2**20 + 1),
    }
    payload = said(scan(security, files))
    assert payload["checked"] == 2
    assert {path: rule for rule, path, _ in places(payload) if rule != "S307"} == {
        "app/huge.py": "unread-file",
        "app/broken.py": "invalid-syntax",
        "data.bin": "unread-file",
    }


def test_a_link_that_leads_out_is_found_and_not_followed(security: Desk, tmp_path: Path):
    (tmp_path / "outside.py").write_text(f"eval('{TOKEN}')\n")
    links = {
        "app/out.py": str(tmp_path / "outside.py"),
        "app/up": "../..",
        "app/in.py": "code.py",
        "loop": "loop",
    }
    commit = security.project.commit(CLEAN, links=links)
    payload = said(security.push("scan-code", commit))
    assert places(payload) == [("link-outside", "app/out.py", 0), ("link-outside", "app/up", 0)]


def test_a_run_that_looked_at_no_code_is_an_error_and_no_result(security: Desk):
    ran = scan(security, {"README.md": "# x\n"})
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log == "no result: the commit has no Python file that can be read\n"


def test_a_file_that_crashes_ruff_is_an_error_and_no_result(security: Desk):
    ran = scan(security, {**CLEAN, "app/crash.py": "x = " + "-" * 200_000 + "1\n"})
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log.startswith("no result: ruff check ended with -6:")


def test_what_people_accept_is_counted_as_suppressed(security: Desk):
    files = {**CLEAN, "app/code.py": "def f(x):\n    return eval(x)\n"}
    commit = security.project.commit(files)
    (found,) = said(security.push("scan-code", commit))["findings"]
    bots = security.workshop.folder / "changed"
    shutil.copytree(ROOT / "bots/security", bots / "security")
    accepted = bots / "security/accepted.txt"
    accepted.write_text(f"{found['fp']} only constants come here\n")
    payload = said(security._replace(bots=bots).push("scan-code", commit))
    assert (payload["outcome"], payload["suppressed"], payload["total"]) == ("success", 1, 0)
    accepted.write_text(f"{found['fp']}\n")
    ran = security._replace(bots=bots).push("scan-code", commit)
    assert ran.log == "no result: accepted.txt:1: write a fingerprint and the reason\n"


def test_a_flood_of_findings_fits_into_an_event(security: Desk):
    files: dict[str, str | bytes | None] = {
        f"app/{'lang' * 50}{n}.py": "eval(x)\n" * 20 for n in range(100)
    }
    payload = said(scan(security, files))
    assert payload["new"] == payload["total"] == 2000
    assert len(payload["findings"]) == 100


def test_a_flood_of_text_is_looked_at_in_time(security: Desk):
    lines = {
        "spaces.txt": "password" + " " * 1_000_000,
        "words.txt": "token" * 200_000 + "=",
        "names.txt": "a" * 1_000_000 + "=x" * 100_000,
        "web.txt": "eyJ" + "a" * 1_000_000 + ".eyJ" * 10_000,
        "url.txt": "://a:" * 200_000,
    }
    assert said(scan(security, {**CLEAN, **lines}))["outcome"] in ("success", "failure")


@pytest.mark.parametrize(
    "name", ["failure", "commits", "sources", "findings", "baseline", "linter"]
)
def test_what_two_bots_share_is_the_same_in_both(name: str):
    """Each bot is a folder of its own that sees no other, so they share by copy."""
    lint, security = (ROOT / "bots" / bot / f"{name}.py" for bot in ("lint", "security"))
    assert lint.read_text() == security.read_text()
