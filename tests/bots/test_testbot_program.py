"""The parts of TestBot that decide without running anything."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from typing import Any

from bots.trials import NAME, wheel
from executor.workshop import ROOT

BOT = ROOT / "bots/test"

# Runs in a process of its own: the bot's modules have names of their own there.
ASK = """
import base64, json, pathlib, sys, tempfile
sys.path.insert(0, sys.argv[1])
import expected, ledger, process, verdict, wheel
from failure import UnfitError

def tests(path, source):
    return sorted(expected.tests_in(path, source.encode()))

def judged(record, status):
    said = ledger.Ledger({"unit": 9.0, "e2e": 9.0})
    for one in record:
        said.take(json.dumps(one).encode())
    found = verdict.judge(said, process.Ended(status, ""), [])
    return [found.outcome, dict(found.reasons)]

def unpacked(data, name):
    with tempfile.TemporaryDirectory() as place:
        path, site = pathlib.Path(place, "blob"), pathlib.Path(place, "site")
        path.write_bytes(base64.b64decode(data))
        return sorted(wheel.unpack(path, name, site, taken=frozenset({"_pytest"})).files)

answers = []
for what, arguments in json.load(sys.stdin):
    try:
        answers.append(globals()[what](*arguments))
    except UnfitError as error:
        answers.append(["unfit", str(error)])
print(json.dumps(answers))
"""


def ask(what: str, *questions: tuple[Any, ...]) -> list[Any]:
    """The answers of one function of the bot."""
    command = [sys.executable, "-I", "-S", "-B", "-c", ASK, str(BOT)]
    asked = json.dumps([[what, question] for question in questions]).encode()
    done = subprocess.run(command, input=asked, capture_output=True, check=True)
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_testbot_starts_without_any_installed_package():
    command = [sys.executable, "-I", "-S", "-B", str(BOT)]
    done = subprocess.run(command, input=b"[]", capture_output=True, check=False)
    assert b"ModuleNotFoundError" not in done.stderr
    assert done.stdout == b""


def test_tests_are_found_without_running_them():
    source = """
import os, pytest
os._exit(0)
def test_plain(): ...
async def test_async(): ...
@pytest.mark.skip
@pytest.mark.parametrize("n", [1])
def test_marked(n): ...
def helper(): ...
@decorated
def test_of_another_kind(): ...
@pytest.fixture
def test_fixture(): ...
def test_taken_back(): ...
test_taken_back = None
def test_without(): ...
test_without.__test__ = False
def test_deleted(): ...
del test_deleted
if os:
    def test_perhaps(): ...
class TestPlain:
    def test_in_class(self): ...
    def other(self): ...
class TestWithInit:
    def __init__(self): ...
    def test_a(self): ...
class TestOfOther(Base):
    def test_a(self): ...
class TestNot:
    __test__ = False
    def test_a(self): ...
class Other:
    def test_a(self): ...
"""
    place = "tests/a/test_x.py"
    found, *nothing = ask(
        "tests",
        (place, source),
        ("tests/x.py", source),
        ("tests/test_x.txt", source),
        ("tests/.hidden/test_x.py", source),
        (place, "def test_a(: ..."),
        (place, "__test__ = False\n" + source),
    )
    names = ("TestPlain::test_in_class", "test_async", "test_marked", "test_plain")
    assert found == [f"{place}::{name}" for name in names]
    assert nothing == [[]] * 5


TEST = {"is": "test", "id": "t::a", "suite": "unit"}
BEGIN = {"is": "begin", "id": "t::a"}
FINISH = {"is": "finish", "status": 0}


def end(*outcomes: str, raised: str = "") -> dict[str, Any]:
    phases = [
        {"when": when, "outcome": outcome, "raised": raised, "seconds": 0.1}
        for when, outcome in zip(("setup", "call", "teardown"), outcomes, strict=False)
    ]
    return {"is": "end", "id": "t::a", "phases": phases}


PASSED = [TEST, BEGIN, end("passed", "passed", "passed")]


JUDGED: list[tuple[list[Any], int | None, str, dict[str, str]]] = [
    ([*PASSED, FINISH], 0, "success", {}),
    (PASSED, 0, "error",
     {"tests": "the tests ended the program before pytest was done (exit status 0)"}),
    (PASSED, -9, "error",
     {"tests": "the tests ended the program before pytest was done (signal 9)"}),
    ([*PASSED, FINISH], 1, "error", {"tests": "pytest was done with 0, the program with 1"}),
    ([*PASSED, {**FINISH, "status": 1}], 1, "error",
     {"tests": "pytest ended with 1, but 0 tests did not pass"}),
    ([*PASSED, {**FINISH, "status": 3}], 3, "error", {"tests": "pytest failed"}),
    ([*PASSED, {**FINISH, "status": 5}], 5, "error", {"tests": "there is no test"}),
    ([FINISH], 0, "error", {"tests": "there is no test"}),
    ([TEST, BEGIN, end("passed", "failed", "passed"), FINISH], 0, "error",
     {"t::a": "raised ``, which a plugin took for passed",
      "tests": "pytest ended with 0, but 1 tests did not pass"}),
    ([TEST, BEGIN, end("passed", "passed"), FINISH], 0, "error",
     {"tests": "there is no test", "t::a": "has no result"}),
    ([TEST, BEGIN, end("skipped"), FINISH], 0, "error", {"tests": "every test was skipped"}),
    ([TEST, BEGIN], None, "failure",
     {"t::a": "did not end within the time limit, and was ended"}),
    ([TEST], None, "error", {"tests": "did not end within the time limit, and was ended"}),
]  # fmt: skip


def test_a_success_needs_all_accounts_to_agree():
    questions = [(record, status) for record, status, _, _ in JUDGED]
    answers = ask("judged", *questions)
    assert answers == [[outcome, reasons] for _, _, outcome, reasons in JUDGED]


def test_a_record_that_no_recorder_writes_is_refused():
    records: list[list[Any]] = [
        [TEST, TEST],
        [BEGIN],
        [*PASSED, BEGIN],
        [TEST, BEGIN, BEGIN],
        [TEST, end("passed", "passed", "passed")],
        [*PASSED, FINISH, FINISH],
        [{**TEST, "suite": "own"}],
        [{**TEST, "id": "x" * 2001}],
        [{"is": "_begin"}],
        ["finish"],
        [{"is": "finish", "status": "none"}],
    ]
    for record, (what, reason) in zip(
        records, ask("judged", *((record, 0) for record in records)), strict=True
    ):
        assert what == "unfit", record
        assert reason.startswith("the record of the tests was tampered with: "), record


def test_only_sound_wheels_of_pure_python_are_unpacked():
    linux = "demo-1.0-cp311-cp311-linux_x86_64.whl"
    unsound = f"`{NAME}` is not a sound wheel: "
    cases = [
        (wheel(), "demo", "`demo` is not the name of a wheel"),
        (wheel(), linux, f"`{linux}` is not of pure Python 3, so nothing of it could be run"),
        (wheel(pure="false"), NAME, f"{unsound}its WHEEL says that it is for a platform"),
        (wheel(more={"../../evil.py": ""}), NAME, f"{unsound}it would write `../../evil.py`"),
        (wheel({"/etc/evil": ""}), NAME, f"{unsound}it would write `/etc/evil`"),
        (wheel(more={"demo/late.py": ""}), NAME,
         f"{unsound}`demo/late.py` is not as its RECORD says"),
        (wheel(lost="demo/lost.py"), NAME,
         f"{unsound}`demo/lost.py` is in its RECORD, but is not there"),
        (wheel({"demo-1.0.data/platlib/demo.so": ""}), NAME,
         f"{unsound}`demo-1.0.data/platlib/demo.so` is for a platform"),
        (wheel({"_pytest/runner.py": ""}), NAME,
         f"{unsound}`_pytest/runner.py` would take the place of a part of the test tools"),
        (b"no zip", NAME, f"{unsound}File is not a zip file"),
    ]  # fmt: skip
    answers = ask("unpacked", *((b64encode(data).decode(), name) for data, name, _ in cases))
    assert answers == [["unfit", reason] for _, _, reason in cases]


def test_scripts_of_a_wheel_stay_where_nothing_looks_for_them():
    held = {"demo-1.0.data/scripts/demo": "#!python\n", "demo-1.0.data/purelib/demo/a.py": ""}
    (found,) = ask("unpacked", (b64encode(wheel(held)).decode(), NAME))
    assert found[0] == "demo-1.0.data/scripts/demo"
    assert found[-1] == "demo/a.py"
