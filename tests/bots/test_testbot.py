"""TestBot under its own rules, in the real sandbox, with real repositories and wheels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from bots.checking import toolbox
from bots.trials import CODE, GOOD, METADATA, NAME, Trial, failed, passed, reasons, wheel
from executor.workshop import ROOT, commit, git, job

if TYPE_CHECKING:
    from executor.workshop import Workshop
    from lotabots.adapters.files.toolbox import Toolbox

SAMPLE = ROOT / "examples/demo/sample"


@pytest.fixture
def trial(workshop: Workshop) -> Trial:
    return Trial(workshop)


def test_the_sample_is_built_by_buildbot_and_tested(trial: Trial, build_toolbox: Toolbox):
    del build_toolbox
    files = {
        path.relative_to(SAMPLE).as_posix(): path.read_bytes()
        for path in SAMPLE.rglob("*")
        if path.is_file() and path.suffix in (".py", ".toml", ".md")
    }
    bare, commit_id = commit(trial.workshop.folder / "sample", files)
    trial.workshop.repositories["sample"] = bare
    push = {"repository": "sample", "change": {"id": commit_id, "ref": "refs/heads/main"}}
    asked = job(push, bot="BuildBot", action="build", type="change.pushed")
    built = trial.workshop.run(trial.executor, asked).payload("build.completed")

    cause = job(built, bot="TestBot", action="run-tests", type="build.completed")
    ran = trial.workshop.run(trial.executor, cause)
    done = passed(ran)
    assert (done["outcome"], done["suite"], done["suppressed"]) == ("success", "all", 0)
    total = done["checked"]
    assert done["counts"] == {
        "total": total, "passed": total, "failed": 0, "errors": 0, "skipped": 0
    }  # fmt: skip
    assert 0 < done["coverage"]["line"] < 1
    assert (done["artifact"], done["change"]) == (built["artifact"], built["change"])
    assert done["tool"] == {
        "name": "pytest", "version": "9.2.0", "digest": toolbox("test").digest
    }  # fmt: skip
    assert ran.report.tool == done["tool"]["digest"]
    assert list(trial.workshop.jobs.iterdir()) == []


def test_every_kind_of_result_is_counted_and_reported(trial: Trial):
    tests = """
import sys, unittest, pytest
from demo.sums import add

def test_passes(): print("said by a test")
def test_fails(): assert add(2, 2) == 5, "sums \\x1b[31mare\\x00 wrong"
def test_raises(): raise ValueError("API_TOKEN=abc123")
@pytest.fixture
def broken(): raise RuntimeError("no fixture")
def test_error(broken): pass
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert False
@pytest.mark.parametrize("n", [1, 2])
def test_many(n): assert n
def test_parts(subtests):
    for n in range(30):
        with subtests.test(n=n): assert n != 17
class TestCase(unittest.TestCase):
    def test_unit(self): self.assertEqual(add(None, 1), 1)
    def test_wrong(self): self.assertEqual(add(1, 1), 1)
"""
    done = failed(trial.run({"tests/test_all.py": tests}))
    assert done["counts"] == {"total": 11, "passed": 4, "failed": 4, "errors": 1, "skipped": 2}
    assert (done["outcome"], done["checked"], done["suppressed"]) == ("failure", 9, 2)
    said = reasons(done)
    assert {name.partition("::")[2] for name in said} == {
        "test_fails", "test_raises", "test_error", "test_parts", "TestCase::test_wrong"
    }  # fmt: skip
    assert said["tests/test_all.py::test_fails"].startswith("AssertionError: sums are wrong")
    assert said["tests/test_all.py::test_raises"] == "ValueError: API_TOKEN=<masked>"
    root = ET.fromstring(trial.report(done))  # noqa: S314 - our own report
    (suite,) = root
    assert suite.attrib["name"] == "unit"
    assert [suite.attrib[kind] for kind in ("tests", "failures", "errors", "skipped")] == [
        "11", "4", "1", "2"
    ]  # fmt: skip
    # A report for people with the place in the code, and without paths of this machine.
    detail = suite.findtext("testcase[@name='test_fails']/failure") or ""
    assert "tests/test_all.py:6" in detail
    assert str(trial.workshop.folder) not in trial.report(done).decode()


def test_suites_run_in_their_order_and_are_one_result(trial: Trial):
    serve = """
import http.server, threading, urllib.request, pytest
from pathlib import Path
def test_over_http():
    assert Path("home/order").read_text() == "unit integration "
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        assert answer.status == 200
"""
    note = (
        "import os, pytest\n{mark}\ndef test_{name}():\n"
        "    with open(os.path.expanduser('~/order'), 'a') as file: file.write('{name} ')\n"
    )
    files = {
        "tests/e2e/test_http.py": serve,
        "tests/a/test_marked.py": note.format(name="integration", mark="@pytest.mark.integration"),
        "tests/test_unit.py": note.format(name="unit", mark=""),
    }
    done = passed(trial.run(files))
    root = ET.fromstring(trial.report(done))  # noqa: S314 - our own report
    assert {suite.attrib["name"]: suite.attrib["tests"] for suite in root} == {
        "unit": "1", "integration": "1", "e2e": "1"
    }  # fmt: skip


def test_tests_get_folders_of_their_own_and_start_programs(trial: Trial):
    tests = """
import os, pathlib, shutil, subprocess, sys, tempfile
from tests.helpers import here
def test_folders(tmp_path, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (tmp_path / "file").write_text("x")
    os.rename(tmp_path / "file", other / "file")
    shutil.move(tmp_path, other / "folder")
    pathlib.Path("here.txt").write_text("x")
    with tempfile.NamedTemporaryFile() as file: file.write(bytes(20 * 2**20))
def test_data():
    assert (here / "data.txt").read_text() == pathlib.Path("tests/data.txt").read_text() == "d"
def test_program():
    asked = [sys.executable, "-c", "import demo.sums; print(demo.sums.add(1, 2))"]
    assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout == "3\\n"
"""
    files = {
        "tests/__init__.py": "",
        "tests/helpers.py": "import pathlib\nhere = pathlib.Path(__file__).parent\n",
        "tests/data.txt": "d",
        "tests/test_a.py": tests,
        "demo/sums.py": "raise AssertionError('this is not the wheel')\n",
    }
    assert passed(trial.run(files, links={"tests/again.txt": "data.txt"}))["checked"] == 3


def test_the_code_in_the_wheel_is_measured_even_what_asks_not_to_be(trial: Trial):
    code = {
        **CODE,
        "demo/hidden.py": "def f():  # pragma: no cover\n    return 1\n",
    }
    files = {"tests/test_a.py": GOOD, ".coveragerc": "[run]\nomit = *\n"}
    done = passed(trial.run(files, built=wheel(code)))
    assert done["coverage"] == {"line": 0.5, "branch": 0.5}
    report = json.loads(trial.report(done, "coverage-report"))
    assert sorted(report["files"]) == ["demo/__init__.py", "demo/hidden.py", "demo/sums.py"]


def test_a_module_that_cannot_be_imported_does_not_hide_the_others(trial: Trial):
    done = failed(trial.run({"tests/test_a.py": GOOD, "tests/test_b.py": "import absent\n" + GOOD}))
    assert (done["outcome"], done["counts"]["errors"], done["counts"]["passed"]) == (
        "failure", 1, 1
    )  # fmt: skip
    assert reasons(done) == {"tests/test_b.py": "ModuleNotFoundError: No module named 'absent'"}


@pytest.mark.parametrize(("files", "reason"), [
    ({"tests/readme.txt": "x"}, "there is no test"),
    ({"test_a.py": GOOD}, "the commit has no folder `tests` or `test`"),
    ({"tests/test_a.py": "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"},
     "every test was skipped"),
])  # fmt: skip
def test_what_checked_nothing_is_an_error(trial: Trial, files: dict[str, str | bytes], reason: str):
    done = failed(trial.run(files))
    assert (done["outcome"], done["checked"]) == ("error", 0)
    assert done["failures"][0] == {"id": "tests", "message": reason}


def test_dependencies_come_from_toolbox_and_wheelhouse(trial: Trial):
    house = trial.workshop.folder / "state/.wheelhouse"
    house.mkdir(parents=True, exist_ok=True)
    for version in ("1.0", "2.0"):
        (house / f"helper-{version}-py3-none-any.whl").write_bytes(_helper(version))
    needs = METADATA + (
        "Requires-Dist: packaging>=20\nRequires-Dist: helper<2\n"
        "Requires-Dist: nowhere; python_version < '3'\nProvides-Extra: test\n"
        "Requires-Dist: absent-tool; extra == 'test'\n"
    )
    tests = "import helper, packaging\ndef test_a(): assert helper.V == '1.0'\n"
    done = passed(trial.run({"tests/test_a.py": tests}, built=wheel(metadata=needs)))
    assert done["checked"] == 1

    needs += "Requires-Dist: flask>=3\nRequires-Dist: helper>9\n"
    done = failed(trial.run({"tests/test_a.py": tests}, built=wheel(metadata=needs)))
    assert (done["outcome"], done["failures"][0]["message"]) == (
        "error",
        "the wheel needs `flask>=3`, `helper>9`, which toolbox and wheelhouse do not have",
    )


def _helper(version: str) -> bytes:
    return wheel(
        {"helper.py": f"V = {version!r}\n"},
        metadata=f"Metadata-Version: 2.1\nName: helper\nVersion: {version}\n",
        stem=f"helper-{version}",
    )


def test_a_wheel_that_is_not_as_its_record_says_is_refused(trial: Trial):
    built = wheel(more={"demo/late.py": ""})
    done = failed(trial.run({"tests/test_a.py": GOOD}, built=built))
    reason = f"`{NAME}` is not a sound wheel: `demo/late.py` is not as its RECORD says"
    assert (done["outcome"], done["failures"]) == ("error", [{"id": "tests", "message": reason}])


def test_attributes_and_replacements_do_not_change_the_tests(trial: Trial):
    files = {
        "tests/test_a.py": GOOD,
        "tests/test_hidden.py": "def test_hidden(): assert False\n",
        ".gitattributes": "test_hidden.py export-ignore\n*.py filter=x\n",
    }
    bare, commit_id = commit(trial.workshop.folder / "tricks", files)
    git(bare, "replace", git(bare, "rev-parse", "HEAD:tests/test_hidden.py"),
        git(bare, "rev-parse", "HEAD:tests/test_a.py"))  # fmt: skip
    assert "tests/test_hidden.py::test_hidden" in reasons(failed(trial.run_commit(bare, commit_id)))


def test_a_link_out_of_the_tests_is_refused(trial: Trial):
    ran = trial.run({"tests/test_a.py": GOOD, "a/b": "c"}, links={"tests/up": "../a/b"})
    assert reasons(failed(ran)) == {"tests": "the link `tests/up` leads out of the tests"}
