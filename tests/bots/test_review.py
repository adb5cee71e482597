"""ReviewBot on real changes: in the real sandbox, and its program on its own."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import Desk, Project, desk, left_behind, toolbox
from bots.reviewing import ask, changed, review
from executor.workshop import ROOT, git

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Outcome, Workshop

CLEAN = {"app.py": '"""App."""\n\nANSWER = 42\n', "README.md": "x\n"}
BAD = f"{CLEAN['app.py']}\n\ndef work():\n    breakpoint()\n"


@pytest.fixture
def desk_of_review(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("review")
    return desk(workshop, tmp_path, "ReviewBot")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def said(ran: Outcome) -> dict[str, Any]:
    assert (ran.report.status, ran.codes) == (0, []), (ran.report, ran.judged, ran.log)
    return ran.payload("review.completed")


def test_a_change_is_read_and_commented_in_the_sandbox(desk_of_review: Desk):
    here = desk_of_review
    base = here.project.commit(CLEAN)
    commit = here.project.commit({"app.py": BAD, "README.md": None, "moved.txt": "x\n" * 9})
    payload = said(here.push("review", commit, base))
    tool, duration = payload.pop("tool"), payload.pop("duration_s")
    assert (tool["name"], tool["digest"]) == ("review", toolbox("review").digest)
    assert 0 < duration < 60
    reports = payload.pop("reports")
    assert [(one["name"], one["kind"], one["media_type"]) for one in reports] == [
        ("review.json", "review-report", "application/json"),
        ("review.md", "review-report", "text/markdown"),
    ]
    assert payload == {
        "repository": "p",
        "change": {"id": commit, "base": base},
        "outcome": "success",
        "checked": 3,
        "suppressed": 0,
        "files": 3,
        "added": 13,
        "removed": 1,
        "advisory": True,
        "comments": [
            {
                "path": "app.py",
                "line": 7,
                "side": "right",
                "rule": "T100",
                "severity": "high",
                "message": "A debugger is started here",
                "suggestion": "Remove it before this is merged",
            }
        ],
    }
    whole, page = (here.workshop.blobs.path(one["digest"]).read_text() for one in reports)
    document = json.loads(whole)
    assert document["compared_with"]["commit"] == base
    assert (document["advisory"], document["all_uses_searched"]) == (True, True)
    assert "- Line 7, **high**, `T100`: A debugger is started here." in page
    assert page.startswith(f"# Review of `{commit[:12]}`\n\nAdvice only: nothing is approved")
    # A pull request is looked at in the same way, and the same change has the same report.
    created = {"change": {"id": commit, "base": base}, "number": 7}
    again = said(here.run("review", created, event="change.created"))
    assert again["reports"] == reports


def test_with_what_a_change_is_compared(project: Project, tmp_path: Path):
    first = project.commit(CLEAN)
    second = project.commit({"app.py": BAD})
    third = project.commit({"other.txt": "x\n"})
    cases = {
        (first, ""): (["README.md", "app.py"], ""),
        (second, ""): (["app.py"], first),
        (third, first): (["app.py", "other.txt"], first),
        (third, "f" * 40): (["other.txt"], second),  # it is not there: a push of something new
        (third, "0" * 40): (["other.txt"], second),
        (third, "--help"): (["other.txt"], second),
        (first, third): (["app.py", "other.txt"], third),  # a push that went back
    }
    for (commit, base), (files, compared) in cases.items():
        found = review(project, commit, base, out=tmp_path / "out").document
        assert [one["path"] for one in found["files"]] == files, (commit, base)
        assert found["compared_with"]["commit"] == compared


def test_of_a_branch_only_what_it_did_itself_is_read(project: Project, tmp_path: Path):
    root = project.commit(CLEAN)
    git(project.tree, "checkout", "--quiet", "-b", "side")
    side = project.commit({"side.txt": "s\n"})
    git(project.tree, "checkout", "--quiet", "-B", "main", root)
    main = project.commit({"main.txt": "m\n"})
    git(project.tree, "merge", "--quiet", "--no-edit", side)
    merged = project.commit({})
    merge = git(project.tree, "rev-parse", f"{merged}^1")

    def files(commit: str, base: str) -> list[str]:
        found = review(project, commit, base, out=tmp_path / "out").document
        return [one["path"] for one in found["files"]]

    assert files(side, main) == ["side.txt"]  # not that main.txt would be gone
    assert files(merge, main) == ["side.txt"]
    assert files(merge, "") == ["side.txt"]
    assert files(merged, root) == ["main.txt", "side.txt"]


def test_what_happened_to_each_file_is_counted(tmp_path: Path):
    body = "".join(f"line {n}\n" for n in range(20))
    before = {
        "same.txt": "a\n",
        "moved.txt": body,
        "edited.txt": body + "edited\n",
        "gone.txt": "g\n",
        "mode.sh": "x\n",
        "empty.txt": "",
        "plus.txt": "++ a\n-- b\n@@ -1 +1 @@\n",
        "bytes.bin": b"\0a\n",
    }
    after = {
        "moved.txt": None,
        "new/moved.txt": body,
        "edited.txt": None,
        "new/edited.txt": body.replace("line 3\n", "line three\n") + "edited\n",
        "gone.txt": None,
        "empty2.txt": "",
        "plus.txt": "++ c\n-- b\n@@ -1 +2 @@",
        "bytes.bin": b"\0b\n",
    }
    found = changed(tmp_path, before, after, links={"link": "same.txt"})
    rows = {
        one["path"]: (one["status"], one["added"], one["removed"])
        for one in found.document["files"]
    }
    assert rows == {
        "bytes.bin": ("modified", 0, 0),
        "empty2.txt": ("added", 0, 0),
        "gone.txt": ("removed", 0, 1),
        "link": ("added", 0, 0),
        "new/edited.txt": ("renamed", 1, 1),
        "new/moved.txt": ("renamed", 0, 0),
        "plus.txt": ("modified", 2, 2),
    }
    unread = {one["path"]: one["unread"] for one in found.document["files"] if "unread" in one}
    assert unread == {"bytes.bin": "it is not text", "link": "it is a link or a submodule"}
    assert found.payload["checked"] == 8  # plus.txt has two hunks


HOSTILE = {
    ".gitattributes": "* -diff -text binary export-ignore filter=gone diff=gone ident\n",
    ".gitignore": "*\n",
    "pyproject.toml": '[tool.review]\nexclude = ["*"]\n',
    "accepted.txt": "0\n",
    "noqa.py": "def f():\n    breakpoint()  # noqa: T100\n",
    "whole.py": "# ruff: noqa\n# flake8: noqa\nbreakpoint()\n",
    "-x.py": "breakpoint()\n",
    "sub/.git.py": "breakpoint()\n",
    "odd\n`.py": "breakpoint()\n",
    "*bold* [a](b).py": "breakpoint()\n",
    b"latin\xe9.py".decode("latin-1"): b"# coding: latin-1\nX = '\xe9'\nbreakpoint()\n",
    "bom.py": b"\xef\xbb\xbfbreakpoint()\r\n",
    "never.py": "raise SystemExit\nopen('/tmp/lotabots-ran', 'w')\n",
}


def test_nothing_that_a_project_says_or_is_called_silences_anything(tmp_path: Path):
    found = changed(tmp_path, CLEAN, HOSTILE)
    places = {path: line for rule, path, line in found.rules if rule == "T100"}
    assert places == {
        "noqa.py": 2,
        "whole.py": 3,
        "-x.py": 1,
        "sub/.git.py": 1,
        "odd\\x0a`.py": 1,
        "*bold* [a](b).py": 1,
        "latin\xe9.py": 3,
        "bom.py": 1,
    }
    assert "## `odd\\x0a\\x60.py`\n" in found.page
    assert "## `*bold* [a](b).py`\n" in found.page


UNREAD = {
    "broken.py": "def f(:\n",
    "latin.py": b"x = '\xe9'\n",
    "codec.py": "# coding: rot13\nx = 1\n",
    "returns.py": "x = 1\ry = 2\n",
    "deep.py": "x = " + "(" * 300 + ")" * 300 + "\n",
    "minus.py": "x = " + "-" * 100_000 + "1\n",
    "chain.py": "x = 1" + "+1" * 100_000 + "\n",
    "elifs.py": "if x:\n    y\n" + "elif x:\n    y\n" * 20_000,
    "large.py": "x = 1\n" * 100_000,
    "huge.py": "x = 1\n" * 400_000,
}


def test_python_that_cannot_be_read_is_named_and_nothing_falls_over(tmp_path: Path):
    found = changed(tmp_path, CLEAN, {**UNREAD, "app.py": BAD, "huge.bin": b"\0" * 3_000_000})
    named = {path for rule, path, _ in found.rules if rule == "unread-file"}
    assert named == UNREAD.keys()
    assert ("T100", "app.py", 7) in found.rules
    assert found.of("unread-file")[0] == (
        "This was not looked at: it cannot be parsed by "
        f"Python {sys.version_info.major}.{sys.version_info.minor}: SyntaxError"
    )


def test_a_change_that_is_much_too_large_is_read_as_far_as_it_may_be(tmp_path: Path):
    files = {f"f{n:04}.txt": f"{n}\n" for n in range(2100)}
    found = changed(tmp_path, CLEAN, {**files, "a.py": "breakpoint()\n"})
    unread = [one["path"] for one in found.document["files"] if "unread" in one]
    assert unread == [f"f{n:04}.txt" for n in range(1999, 2100)]  # code comes first
    assert found.payload["files"] == 2101
    assert found.payload["checked"] == 2000
    assert ("T100", "a.py", 1) in found.rules


def test_a_flood_of_comments_fits_into_an_event_and_the_serious_ones_come_first(tmp_path: Path):
    path = f"{'long' * 50}.py"
    tasks = "# TODO: later\n\n" * 500
    found = changed(tmp_path, CLEAN, {path: f"{tasks}breakpoint()\n"})
    assert len(found.document["comments"]) == 501
    assert len(found.payload["comments"]) == 200
    assert found.payload["comments"][0]["rule"] == "T100"


@pytest.mark.parametrize("files", [{}, {"app.py": CLEAN["app.py"]}])
def test_a_change_of_nothing_is_an_error_and_no_result(
    project: Project, tmp_path: Path, files: dict[str, str]
):
    base = project.commit(CLEAN)
    done = ask(project, project.commit(files), base, out=tmp_path / "out")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"no result: nothing in the change can be looked at\n"


def test_a_commit_that_is_not_there_is_an_error(project: Project, tmp_path: Path):
    base = project.commit(CLEAN)
    for commit in ("c" * 40, "main", "--all"):
        done = ask(project, commit, base, out=tmp_path / "out")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"no result: ")


def test_what_people_dismiss_is_counted_as_suppressed(desk_of_review: Desk):
    here = desk_of_review
    base = here.project.commit(CLEAN)
    commit = here.project.commit({"app.py": BAD})
    first = said(here.push("review", commit, base))
    document = json.loads(here.workshop.blobs.path(first["reports"][0]["digest"]).read_text())
    (found,) = document["comments"]
    bots = here.workshop.folder / "changed"
    shutil.copytree(ROOT / "bots/review", bots / "review")
    (bots / "review/accepted.txt").write_text(f"{found['fp']} it is meant\n")
    payload = said(here._replace(bots=bots).push("review", commit, base))
    assert (payload["suppressed"], payload["comments"]) == (1, [])


def test_a_secret_in_a_line_is_not_in_what_is_said_about_it(desk_of_review: Desk):
    token = "ghp_" + "a1B2c3D4" * 5
    code = f"def {token}(x):\n    return x\n\n\n# TODO {token}\nbreakpoint()  # {token}\n"
    base = desk_of_review.project.commit({"app.py": f"def {token}(x):\n    return x\n"})
    middle = desk_of_review.project.commit({"app.py": code})
    later = desk_of_review.project.commit({"app.py": "X = 1\n"})
    told = [
        said(desk_of_review.push("review", *pair)) for pair in ((middle, base), (later, middle))
    ]
    assert [[one["rule"] for one in payload["comments"]] for payload in told] == [
        ["T100", "TD003"],
        ["object-removed"],
    ]
    everything = json.dumps(told).encode() + left_behind(desk_of_review.workshop)
    assert token.encode() not in everything
