"""LintBot on real commits in the real sandbox."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import Desk, desk, left_behind, toolbox
from executor.workshop import ROOT, git

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Outcome, Workshop

CLEAN = {"app/__init__.py": '"""App."""\n', "app/code.py": '"""Code."""\n\nANSWER = 42\n'}
BAD = '"""Code."""\n\nimport os\n\nANSWER = 42\n'


@pytest.fixture
def lint(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("lint")
    return desk(workshop, tmp_path, "LintBot")


def said(ran: Outcome) -> dict[str, Any]:
    assert (ran.report.status, ran.codes) == (0, []), (ran.report, ran.judged, ran.log)
    return ran.payload("lint.completed")


def report(lint: Desk, payload: dict[str, Any], kind: str = "lint-report") -> str:
    (found,) = [one for one in payload["reports"] if one["kind"] == kind]
    return lint.workshop.blobs.path(found["digest"]).read_text(encoding="utf-8")


def rules(payload: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["rule"], one["path"], one["line"]) for one in payload["top"]]


def test_a_clean_commit_is_a_success_with_all_files_looked_at(lint: Desk):
    commit = lint.project.commit({**CLEAN, "README.md": "# x\n"})
    payload = said(lint.push("lint", commit))
    tool, duration = payload.pop("tool"), payload.pop("duration_s")
    assert (tool["name"], tool["digest"]) == ("ruff", toolbox("lint").digest)
    assert 0 < duration < 60
    assert [one["kind"] for one in payload.pop("reports")] == ["lint-report"]
    assert payload == {
        "repository": "p",
        "change": {"id": commit},
        "outcome": "success",
        "checked": 2,
        "suppressed": 0,
        "new": 0,
        "total": 0,
        "by_rule": [],
        "top": [],
    }


def test_only_what_the_change_adds_is_new(lint: Desk):
    base = lint.project.commit({**CLEAN, "app/old.py": '"""Old."""\n\nimport re\nimport sys\n'})
    # The old line moves, a second one like it comes, and one of another kind.
    moved = '"""Old."""\n\n\n\nimport re\nimport sys\nimport re\n\n\ndef f(x=[]):\n    """F."""\n'
    payload = said(lint.push("lint", lint.project.commit({"app/old.py": moved}), base))
    assert (payload["outcome"], payload["new"], payload["total"]) == ("failure", 2, 4)
    assert rules(payload)[:2] == [
        ("F811", "app/old.py", 7),
        ("B006", "app/old.py", 10),
    ]
    assert payload["by_rule"] == [
        {"rule": "F401", "count": 2},
        {"rule": "B006", "count": 1},
        {"rule": "F811", "count": 1},
    ]


def test_without_a_commit_before_everything_is_new(lint: Desk):
    payload = said(lint.push("lint", lint.project.commit({**CLEAN, "app/code.py": BAD})))
    assert (payload["outcome"], payload["new"], payload["total"]) == ("failure", 1, 1)


def test_a_bad_commit_is_not_the_baseline_of_the_next(lint: Desk):
    good = lint.project.commit(CLEAN)
    bad = lint.project.commit({"app/code.py": BAD})
    later = lint.project.commit({"README.md": "unrelated\n"})
    fixed = lint.project.commit({"app/code.py": CLEAN["app/code.py"]})
    assert said(lint.push("lint", bad, good))["new"] == 1
    assert said(lint.push("lint", later, bad))["new"] == 1
    assert said(lint.push("lint", fixed, later))["new"] == 0
    # Also when the later one is looked at first.
    shutil.rmtree(lint.state())
    assert said(lint.push("lint", good, good))["new"] == 0
    assert said(lint.push("lint", later, bad))["new"] == 1


def test_smells_are_found_by_their_complexity(lint: Desk):
    branches = "".join(f"    if x == {n}:\n        x += {n}\n" for n in range(14))
    code = f'"""Code."""\n\n\ndef tangled(x):\n    """Do."""\n{branches}    return x\n'
    payload = said(lint.push("lint", lint.project.commit({"app.py": code})))
    assert [one["rule"] for one in payload["by_rule"]] == ["C901", "PLR0912"]
    assert payload["top"][0]["message"] == "`tangled` is too complex (15 > 12)"


UGLY = """\
'''Doc of
  the module.   '''
import re ;  X = { 'a':1,   'b' : [ 1,
 2 ] }  #comment
def f( a,b = u'x' ):
    '''Doc.

       Indented.
    '''
    return  re.match( r'\\d' , f"{a!r:>{X['a']}}"+b )
"""


def test_layout_comes_as_a_patch_that_changes_nothing_else(lint: Desk, tmp_path: Path):
    commit = lint.project.commit({**CLEAN, "app/ugly.py": UGLY, "app/last.py": "X  =  1"})
    payload = said(lint.push("lint", commit))
    patch = report(lint, payload, "format-patch")
    (listed,) = [one for one in payload["reports"] if one["kind"] == "format-patch"]
    assert payload["format_patch"] == listed
    assert json.loads(report(lint, payload))["format"] == {
        "files": ["app/last.py", "app/ugly.py"],
        "dropped": {},
    }
    (tmp_path / "format.patch").write_text(patch, encoding="utf-8")
    git(lint.project.tree, "apply", "--check", str(tmp_path / "format.patch"))
    git(lint.project.tree, "apply", str(tmp_path / "format.patch"))
    assert (lint.project.tree / "app/last.py").read_text() == "X = 1\n"
    formatted = (lint.project.tree / "app/ugly.py").read_text()
    assert 'X = {"a": 1, "b": [1, 2]}  # comment\n' in formatted
    assert compare(UGLY, formatted) == ""


def test_only_files_that_the_change_touches_are_formatted(lint: Desk):
    base = lint.project.commit({**CLEAN, "app/ugly.py": UGLY})
    commit = lint.project.commit({"app/code.py": '"""Code."""\n\nANSWER  = 43\n'})
    patch = report(lint, said(lint.push("lint", commit, base)), "format-patch")
    assert [line for line in patch.splitlines() if line.startswith("+++")] == ["+++ b/app/code.py"]


def compare(before: str, after: str) -> str:
    """What the bot's proof says of two versions."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import formatting; "
        "print(formatting.difference(sys.argv[2].encode(), sys.argv[3].encode()))"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(ROOT / "bots/lint"), before, after]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("x=1 #a", "x = 1  # a\n", ""),
        ("x = u'a'", 'x = "a"', ""),
        ("def f():\n  '''a\n\n     b\n  '''", 'def f():\n    """a\n\n       b\n    """\n', ""),
        ("x = 1", "x = 2", "more than its layout would change"),
        ("x = '''a\n  b'''", "x = '''a\n    b'''", "more than its layout would change"),
        ("def f(): 'a b'", "def f(): 'a  b'", "more than its layout would change"),
        ("if x:\n  a()\n  b()", "if x:\n  a()\nb()", "more than its layout would change"),
        ("x = 1  # type: ignore", "x = 1", "its comments would change"),
        ("x = (", "x = (", "it cannot be parsed here: SyntaxError"),
    ],
)
def test_the_proof_sees_every_change_that_is_not_layout(before: str, after: str, why: str):
    assert compare(before, after) == why


def test_a_file_whose_layout_cannot_be_proven_is_left_out_and_named(lint: Desk):
    # This Python cannot parse what newer ones can; or nothing can, and then ruff says so too.
    deep = "x = " + "(" * 250 + "1" + ")" * 250 + "\n"
    commit = lint.project.commit({**CLEAN, "app/deep.py": deep, "app/last.py": "X  =  1\n"})
    payload = said(lint.push("lint", commit))
    assert json.loads(report(lint, payload))["format"] == {
        "files": ["app/last.py"],
        "dropped": {"app/deep.py": "it cannot be parsed here: SyntaxError"},
    }
    assert "deep" not in report(lint, payload, "format-patch")


HOSTILE = {
    "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n[tool.ruff.lint]\nselect = []\n',
    "ruff.toml": 'exclude = ["*"]\nextend-exclude = ["app"]\n',
    ".ruff.toml": "lint.select = []\n",
    "app/ruff.toml": 'lint.ignore = ["ALL"]\n',
    ".gitattributes": "* export-ignore\n*.py filter=gone eol=crlf ident\n",
    ".gitignore": "*\n",
    "app/__init__.py": "",
    "app/noqa.py": "import os  # noqa\nimport re  # noqa: F401\n",
    "app/whole.py": "# ruff: noqa\n# flake8: noqa\nimport os\n",
    "app/range.py": "# ruff: disable[F401]\nimport os\n# ruff: enable[F401]\n",
    "build/hidden.py": "import os\n",
    ".venv/lib/hidden.py": "import os\n",
    "node_modules/hidden.py": "import os\n",
    "bin/tool": "#!/usr/bin/env python3\nimport os\n",
    "app/window.pyw": "import os\n",
}


def test_nothing_that_a_project_says_silences_anything(lint: Desk):
    payload = said(lint.push("lint", lint.project.commit(HOSTILE)))
    assert payload["checked"] == 9
    assert {path for _, path, _ in rules(payload)} == {
        *("app/noqa.py", "app/whole.py", "app/range.py", "app/window.pyw", "bin/tool"),
        *("build/hidden.py", ".venv/lib/hidden.py", "node_modules/hidden.py"),
    }
    assert payload["new"] == 9


def test_python_that_cannot_be_read_is_a_finding_not_a_gap(lint: Desk):
    files = {
        **CLEAN,
        "app/huge.py": "x = 1\n" * 400_000,
        "app/latin.py": b"x = '\xe9'\n",
        "app/broken.py": "def f(:\n",
        "app/odd\n.py": "import os\n",
    }
    payload = said(lint.push("lint", lint.project.commit(files)))
    assert (payload["outcome"], payload["checked"]) == ("failure", 2)
    found = {path: rule for rule, path, _ in rules(payload)}
    assert found == {
        "app/huge.py": "unread-file",
        "app/latin.py": "E902",
        "app/broken.py": "invalid-syntax",
        "app/odd\\x0a.py": "unread-file",
    }


def test_links_are_not_followed(lint: Desk, tmp_path: Path):
    (tmp_path / "outside.py").write_text("import os\n")
    links = {"app/out.py": str(tmp_path / "outside.py"), "app/up": "../../..", "loop.py": "loop.py"}
    payload = said(lint.push("lint", lint.project.commit(CLEAN, links=links)))
    assert (payload["outcome"], payload["checked"], payload["total"]) == ("success", 2, 0)


@pytest.mark.parametrize("files", [{"README.md": "# x\n"}, {"broken.py": "def f(:\n"}])
def test_a_run_that_looked_at_nothing_is_an_error_and_no_result(lint: Desk, files: dict[str, str]):
    ran = lint.push("lint", lint.project.commit(files))
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log == "no result: the commit has no Python file that can be read\n"


def test_a_commit_that_is_not_there_is_an_error(lint: Desk):
    lint.project.commit(CLEAN)
    ran = lint.push("lint", "c" * 40)
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log.startswith("no result: git cat-file: fatal:")


def test_a_file_that_crashes_ruff_is_an_error_and_no_result(lint: Desk):
    """One file must not make the findings of all others vanish."""
    crash = "x = " + "-" * 200_000 + "1\n"
    commit = lint.project.commit({**CLEAN, "app/bad.py": BAD, "app/crash.py": crash})
    ran = lint.push("lint", commit)
    assert (ran.report.status, ran.lines) == (1, [])
    assert ran.log.startswith("no result: ruff check ended with -6:")
    assert "overflowed its stack" in ran.log


def with_changed_bot(lint: Desk, name: str, old: str, new: str) -> Desk:
    """The same desk, with one thing changed in a copy of the bot."""
    bots = lint.workshop.folder / "changed"
    shutil.copytree(ROOT / "bots/lint", bots / "lint")
    path = bots / "lint" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return lint._replace(bots=bots)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("select = [", "selct = [", "ruff check ended with 2"),
        ("exclude = []", 'exclude = ["code.py"]', "ruff does not look at `app/code.py` (1 such"),
        ("exclude = []", 'exclude = ["*"]', "ruff does not look at `app/__init__.py` (2 such"),
    ],
)
def test_ruff_that_looks_at_less_than_all_is_not_believed(
    lint: Desk, old: str, new: str, said: str
):
    commit = lint.project.commit(CLEAN)
    ran = with_changed_bot(lint, "rules.toml", old, new).push("lint", commit)
    assert (ran.report.status, ran.lines) == (1, [])
    assert said in ran.log


def test_what_people_accept_is_counted_as_suppressed(lint: Desk):
    commit = lint.project.commit({**CLEAN, "app/code.py": BAD})
    first = said(lint.push("lint", commit))
    (found,) = json.loads(report(lint, first))["findings"]
    bots = lint.workshop.folder / "changed"
    shutil.copytree(ROOT / "bots/lint", bots / "lint")
    (bots / "lint/accepted.txt").write_text(f"# a list\n{found['fp']} a plug-in needs it\n")
    payload = said(lint._replace(bots=bots).push("lint", commit))
    assert (payload["outcome"], payload["suppressed"], payload["total"]) == ("success", 1, 0)


def test_a_flood_of_findings_fits_into_an_event(lint: Desk):
    files = {f"app/{'long' * 50}{n}.py": "import os\n" * 20 for n in range(100)}
    payload = said(lint.push("lint", lint.project.commit(files)))
    assert payload["new"] == payload["total"] >= 2000
    assert len(payload["top"]) == 50


TESTED = {
    "suite": "unit",
    "outcome": "success",
    "counts": {"total": 3, "passed": 3, "failed": 0, "errors": 0, "skipped": 0},
    "coverage": {"line": 0.9},
    "reports": [],
}


def test_the_quality_report_puts_lint_and_coverage_side_by_side(lint: Desk):
    commit = lint.project.commit({**CLEAN, "app/code.py": BAD})
    linted = said(lint.push("lint", commit))
    files = {"app/b.py": 100.0, "app/a.py": 12.5}
    coverage = {"files": {name: {"summary": {"percent_covered": n}} for name, n in files.items()}}
    blob = lint.workshop.blobs.put_bytes(json.dumps(coverage).encode())
    one = {"name": "c.json", "kind": "coverage-report", "digest": blob.digest, "size": blob.size}
    event = {**TESTED, "change": {"id": commit}, "reports": [one]}
    ran = lint.run("report-quality", event, event="test.completed")
    assert (ran.report.status, ran.codes) == (0, [])
    payload = ran.payload("quality.reported")
    document = json.loads(report(lint, payload, "quality-report"))
    assert document["lint"]["new"] == linted["new"] == 1
    assert document["coverage"] == {
        "line": 0.9,
        "least": [{"path": "app/a.py", "line": 0.125}, {"path": "app/b.py", "line": 1.0}],
    }


@pytest.mark.parametrize("data", [b"", b"{}", b'{"files": [1]}', b"[" * 100, b"\xff"])
def test_a_coverage_report_of_another_kind_is_left_out(lint: Desk, data: bytes):
    blob = lint.workshop.blobs.put_bytes(data)
    one = {"name": "c.json", "kind": "coverage-report", "digest": blob.digest, "size": blob.size}
    event = {**TESTED, "change": {"id": "c" * 40}, "reports": [one]}
    ran = lint.run("report-quality", event, event="test.completed")
    document = json.loads(report(lint, ran.payload("quality.reported"), "quality-report"))
    assert (document["lint"], document["coverage"]["least"]) == (None, [])


def test_a_secret_in_a_line_is_not_in_what_is_said_about_it(lint: Desk):
    token = "ghp_" + "a1B2c3D4" * 5
    code = f'"""Code."""\n\nT = {{"{token}": 1, "{token}": 2}}\n'
    payload = said(lint.push("lint", lint.project.commit({**CLEAN, "app/code.py": code})))
    assert "F601" in [rule for rule, _, _ in rules(payload)]
    assert token.encode() not in json.dumps(payload).encode() + left_behind(lint.workshop)


def test_large_files_do_not_use_up_the_memory_and_the_patch_holds_what_fits(lint: Desk):
    files = {f"app/f{n:02}.py": f"X  =  '{'x' * 250_000}'\n" for n in range(9)}
    files |= {
        "app/dense.py": f"X  =  [{'0,[],' * 40_000}]\n",
        "app/large.py": "X  =  1\n" * 200_000,
    }
    payload = said(lint.push("lint", lint.project.commit({**CLEAN, **files})))
    format_ = json.loads(report(lint, payload))["format"]
    assert format_["files"] == ["app/dense.py", *(f"app/f{n:02}.py" for n in range(6))]
    assert format_["dropped"] == {
        **dict.fromkeys(["app/f06.py", "app/f07.py", "app/f08.py"], "the patch would be too large"),
        "app/large.py": "it is larger than 262144 bytes",
    }
