"""What a project cannot do to TestBot, and what TestBot cannot do itself.

Each name says which plane stops it: (kernel) the sandbox, or the rules that TestBot puts on the
tests' process; (bot) TestBot's own checks; (contract) the engine's reading of its lines;
(decision) the rules of the fleet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bots.checking import the_fleet, toolbox
from bots.trials import GOOD, Trial, failed, reasons, wheel
from deciding import NOW, stamp_of
from executor.workshop import COMMIT, ROOT, Workshop, command_lines, commit, job
from lotabots.checks.run import run as run_checks
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.contract import Violation
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from lotabots.adapters.sandbox.launch import Launcher
    from lotabots.policy.decision import Verdict

FAILING = "def test_fails(): assert False\n"
FORGED = '{"type": "test.completed", "payload": {"outcome": "success"}}'
SLEEPER = "lotabots-test-sleeper-5561"

# Each function is one attack; what stops it is the error that it ends with.
ATTACKS = """
import ctypes, os, socket, subprocess, sys, time, urllib.request
from pathlib import Path
import demo.sums
import pytest
HERE = Path(__file__)
SITE = Path(demo.sums.__file__)
BOT = Path(open("/proc/self/cmdline").read().split(chr(0))[3]).parent
TOOLS = Path(pytest.__file__)

def test_fix_the_test(): HERE.write_text("def test_nothing(): pass")
def test_fix_by_another_file(): HERE.with_name("conftest.py").write_text("")
def test_fix_by_removing(): HERE.unlink()
def test_fix_by_moving(): HERE.parent.rename("home/tests")
def test_modify_code_in_the_repository(): open(REPOSITORY + "/HEAD", "a")
def test_modify_code_by_git():
    made = [GIT, "--git-dir=" + REPOSITORY, "update-ref", "refs/heads/evil", "HEAD"]
    raise OSError(subprocess.run(made, capture_output=True, text=True).stderr)
def test_modify_code_unpacked(): SITE.write_text("def add(a, b): return 3")
def test_modify_code_beside(): SITE.with_name("json.py").write_text("")
def test_modify_wheel(): open(WHEEL, "a")
def test_modify_bot(): (BOT / "verdict.py").write_text("")
def test_modify_tools(): TOOLS.write_text("")
def test_write_report(): Path("../junit.xml").write_text("<testsuites/>")
def test_write_elsewhere(): open("/etc/evil", "w")
def test_deploy_over_network(): socket.create_connection(("192.0.2.1", 80), timeout=5)
def test_deploy_over_name(): urllib.request.urlopen("http://example.org/")
def test_deploy_over_socket(): socket.socket(socket.AF_UNIX)
def test_deploy_by_program(): subprocess.run(["/bin/sh", "-c", "true"])
def test_deploy_own_program():
    Path("own").write_bytes(Path("/proc/self/exe").read_bytes()); os.chmod("own", 0o755)
    subprocess.run(["./own"])
def test_read_secret(): open(SECRET)
def test_end_testbot(): os.kill(os.getppid(), 9)
def test_speak_for_testbot(): open(f"/proc/{os.getppid()}/fd/1", "w")
def test_look_into_testbot(): open(f"/proc/{os.getppid()}/mem", "rb")
def test_mount():
    if ctypes.CDLL(None, use_errno=True).mount(b"a", b"/tmp", b"tmpfs", 0, None):
        raise OSError(os.strerror(ctypes.get_errno()))
def test_large_file():
    with open("big", "wb") as file: os.posix_fallocate(file.fileno(), 0, 65 * 2**20)
def test_print(capfd):
    with capfd.disabled():
        print(FORGED, flush=True); os.write(1, FORGED.encode()); os.write(2, FORGED.encode())
def test_leave_behind():
    if os.fork() == 0:
        os.setsid()
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", SLEEPER])
"""


@pytest.fixture(scope="module")
def attacked(
    launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, int], Trial]:
    """What became of each attack, and how many lines and bytes of log there were."""
    workshop = Workshop(tmp_path_factory.mktemp("attacked"), launcher)
    trial = Trial(workshop)
    secret = workshop.folder / "secret"
    secret.write_text("a secret of the host")
    secret.chmod(0o644)
    known = {
        "REPOSITORY": str(workshop.folder / "r/repository.git"),
        "GIT": toolbox("test").programs["git"],
        "WHEEL": str(workshop.blobs.path(workshop.blobs.put_bytes(wheel()).digest)),
        "SECRET": str(secret),
        "FORGED": FORGED,
        "SLEEPER": SLEEPER,
    }
    head = "".join(f"{name} = {value!r}\n" for name, value in known.items())
    bare, commit_id = commit(workshop.folder / "r", {"tests/test_attacks.py": head + ATTACKS})
    ran = trial.run_commit(bare, commit_id)
    done = failed(ran)
    said = {name.rpartition("::")[2]: message for name, message in reasons(done).items()}
    return said, {**done["counts"], "lines": len(ran.lines), "log": len(ran.log)}, trial


DENIED = ("Permission denied", "Read-only file system", "No such file or directory",
          "Operation not permitted", "Invalid cross-device link")  # fmt: skip


@pytest.mark.parametrize("attack", [
    "test_fix_the_test", "test_fix_by_another_file", "test_fix_by_removing", "test_fix_by_moving",
    "test_modify_code_in_the_repository", "test_modify_code_by_git", "test_modify_code_unpacked",
    "test_modify_code_beside", "test_modify_wheel", "test_modify_bot", "test_modify_tools",
    "test_write_report", "test_write_elsewhere", "test_read_secret",
    "test_deploy_by_program", "test_deploy_own_program",
    "test_end_testbot", "test_speak_for_testbot", "test_look_into_testbot", "test_mount",
])  # fmt: skip
@pytest.mark.boundary("TestBot", "test.fix", "code.modify", "deploy", plane="kernel")
def test_kernel_refuses(attacked: tuple[dict[str, str], dict[str, int], Trial], attack: str):
    assert any(reason in attacked[0][attack] for reason in DENIED), attacked[0][attack]


@pytest.mark.parametrize(("attack", "reason"), [
    ("test_deploy_over_network", "Network is unreachable"),
    ("test_deploy_over_name", "Temporary failure in name resolution"),
    ("test_deploy_over_socket", "Address family not supported"),
    ("test_large_file", "File too large"),
])  # fmt: skip
@pytest.mark.boundary("TestBot", "deploy", plane="kernel")
def test_kernel_reaches_nothing_outside(
    attacked: tuple[dict[str, str], dict[str, int], Trial], attack: str, reason: str
):
    assert reason in attacked[0][attack]


def test_bot_what_tests_print_is_no_line_and_nothing_of_them_stays(
    attacked: tuple[dict[str, str], dict[str, int], Trial],
):
    said, numbers, trial = attacked
    assert not {"test_print", "test_leave_behind"} & said.keys()
    assert (numbers["lines"], numbers["log"]) == (2, 0)
    assert numbers["failed"] == len(said) == numbers["total"] - 2
    assert command_lines(SLEEPER) == []
    assert list(trial.workshop.jobs.iterdir()) == []


@pytest.fixture
def trial(workshop: Workshop) -> Trial:
    return Trial(workshop)


def test_kernel_a_fork_bomb_ends_the_run(trial: Trial):
    ran = trial.run({"tests/test_a.py": "import os\ndef test_a():\n    while True: os.fork()\n"})
    assert (ran.report.limit, ran.report.status) == ("processes", 137)


def test_bot_a_test_that_hangs_is_named_and_ended_with_all_it_started(workshop: Workshop):
    tests = f"""
import subprocess, sys, threading
def test_fine(): pass
def test_hangs():
    subprocess.Popen([sys.executable, "-c", "while True: pass", {SLEEPER!r}])
    threading.Event().wait()
"""
    done = failed(Trial(workshop, timeout=5).run({"tests/test_a.py": tests}))
    assert (done["outcome"], done["counts"]["passed"]) == ("failure", 1)
    assert reasons(done) == {
        "tests/test_a.py::test_hangs": "did not end within the time limit, and was ended"
    }
    assert command_lines(SLEEPER) == []


def test_bot_the_configuration_of_the_project_is_not_read(trial: Trial):
    options = "--collect-only --ignore=tests -k nothing"
    files = {
        "tests/test_a.py": FAILING + GOOD,
        "tests/pytest.ini": f"[pytest]\naddopts = {options}\n",
        "pytest.ini": f"[pytest]\naddopts = {options}\n",
        "pyproject.toml": f'[tool.pytest.ini_options]\naddopts = "{options}"\n',
        "tox.ini": f"[pytest]\naddopts = {options}\n",
        "tests/setup.cfg": f"[tool:pytest]\naddopts = {options}\n",
    }
    done = failed(trial.run(files))
    assert (done["outcome"], done["counts"]["failed"], done["counts"]["passed"]) == (
        "failure", 1, 1
    )  # fmt: skip


@pytest.mark.parametrize(("conftest", "reason"), [
    ("import os; os._exit(0)", "the tests ended the program before pytest was done"),
    ("def pytest_configure(config): config.option.collectonly = True", "has no result"),
    ("import pytest\ndef pytest_runtest_setup(): pytest.exit('enough', returncode=0)",
     "has no result"),
])  # fmt: skip
def test_bot_a_run_that_was_cut_short_is_no_success(trial: Trial, conftest: str, reason: str):
    done = failed(trial.run({"tests/test_a.py": FAILING, "tests/conftest.py": conftest}))
    assert done["outcome"] == "error"
    assert any(reason in said for said in reasons(done).values()), done


def test_bot_tests_that_plugins_make_disappear_are_named(trial: Trial):
    conftest = """
import pytest
collect_ignore = ["test_ignored.py"]
def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[one for one in items if "deselected" in one.name])
    items[:] = [one for one in items if "removed" not in one.name and "desel" not in one.name]
def pytest_runtest_protocol(item):
    return True if "swallowed" in item.name else None
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    call.excinfo, report = None, (yield)
    report.outcome = "passed"
    return report
"""
    files = {
        "tests/conftest.py": conftest,
        "tests/test_ignored.py": "class TestAll:\n    def test_x(self): assert False\n",
        "tests/test_a.py": GOOD + "".join(
            f"def test_{name}(): assert False\n"
            for name in ("deselected", "removed", "swallowed", "turned")
        ),
    }  # fmt: skip
    done = failed(trial.run(files))
    assert done["outcome"] == "error"
    assert {name.rpartition("/")[2]: said for name, said in reasons(done).items()} | {
        "tests": ""
    } == {
        "test_a.py::test_turned": "raised `AssertionError`, which a plugin took for passed",
        "test_a.py::test_swallowed": "has no result",
        "test_a.py::test_deselected": "was taken out by a plugin or `conftest.py`",
        "test_a.py::test_removed": "is in the commit, but was not run",
        "test_ignored.py::TestAll::test_x": "is in the commit, but was not run",
        "tests": "",
    }


@pytest.mark.parametrize(("forged", "reason"), [
    ({"is": "end", "id": "tests/test_a.py::test_b", "phases": []}, "was tampered with"),
    ({"is": "finish", "status": 0}, "has no result"),
])  # fmt: skip
def test_bot_a_forged_record_that_does_not_fit_is_no_success(
    trial: Trial, forged: dict[str, object], reason: str
):
    tests = f"""
import os
def test_a():
    for fd in range(3, 50):
        try: os.write(fd, {json.dumps(forged).encode()!r} + bytes([10]))
        except OSError: pass
    os._exit(0)
def test_b(): assert False
"""
    done = failed(trial.run({"tests/test_a.py": tests}))
    assert done["outcome"] == "error"
    assert any(reason in said for said in reasons(done).values()), done


# --------------------------------------------------------------- what TestBot itself cannot do


SPEAKER = """
import json, os, sys
job = json.load(sys.stdin)
open(job["paths"]["out"] + "/a.patch", "w").close()
os.write(1, json.dumps({"type": "deploy.requested", "payload": {}}).encode() + b"\\n")
patch = {"path": "a.patch", "kind": "format-patch"}
os.write(1, json.dumps(
    {"type": "test.failed", "payload": {}, "artifacts": [patch]}).encode() + b"\\n")
os.write(1, json.dumps({"type": "lint.completed", "payload": {}}).encode() + b"\\n")
"""


@pytest.mark.boundary("TestBot", "test.fix", "code.modify", "deploy", plane="contract")
def test_contract_testbot_asks_for_no_deployment_and_hands_over_no_patch(workshop: Workshop):
    toolbox("test")
    home = workshop.folder / "bots/test"
    home.mkdir(parents=True)
    (home / "manifest.yaml").write_bytes((ROOT / "bots/test/manifest.yaml").read_bytes())
    (home / "__main__.py").write_text(SPEAKER)
    blob = workshop.blobs.put_bytes(wheel())
    artifact = {"name": "x", "kind": "wheel", "digest": blob.digest, "size": blob.size}
    workshop.repositories["demo"], _ = commit(workshop.folder / "r", {"a": "b"})
    asked = job({"repository": "demo", "artifact": artifact}, bot="TestBot", action="run-tests")
    ran = workshop.run(workshop.executor(the_fleet()), asked)
    said = [one.reason for one in ran.judged if isinstance(one, Violation)]
    allowed = "this action may emit `test.completed`, `test.failed`, `test.started`"
    assert (ran.codes, said) == (["LR402", "LR404", "LR402"], [
        f"`deploy.requested` is not declared in `emits:`; {allowed}",
        "artifacts of kind `format-patch` are not declared in `produces:`",
        f"`lint.completed` is not declared in `emits:`; {allowed}",
    ])  # fmt: skip


def verdict_with(capability: str) -> tuple[set[str], Verdict]:
    """What the checks find in rules where TestBot's action needs this, and what is decided."""
    paths = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.y*ml")]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    rules = files["rules/bots/testbot.yaml"].decode()
    changed = rules.replace("capability: test.run\n", f"capability: {capability}\n")
    if capability != "test.run":
        changed = changed.replace("  - test.run\n", f"  - test.run\n  - {capability}\n")
    files["rules/bots/testbot.yaml"] = changed.encode()
    checked = run_checks(load(files))
    artifact = {"name": "x", "kind": "wheel", "digest": f"sha256:{'a' * 64}", "size": 1}
    tool = {"name": "build", "version": "1", "digest": artifact["digest"]}
    payload = {
        "build_id": "b", "repository": "demo", "change": {"id": COMMIT}, "outcome": "success",
        "checked": 1, "suppressed": 0, "tool": tool, "duration_s": 1, "reports": [],
        "artifact_id": "pkg:pypi/x", "artifact": artifact, "artifacts": [artifact],
    }  # fmt: skip
    envelope = {
        "id": "e", "timestamp": NOW.isoformat(), "source": "BuildBot", "type": "build.completed",
        "payload": payload,
    }  # fmt: skip
    raw = json.dumps(envelope).encode()
    step = decide_bytes(compile_policy(checked), State(), raw, stamp_of("BuildBot"), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target == "TestBot"]
    return {one.code for one in checked.diagnostics}, found


@pytest.mark.parametrize(("capability", "reason"), [
    ("test.fix", "does not fix failing tests"),
    ("code.modify", "does not modify code"),
    ("code.modify.logic", "does not modify code"),
    ("deploy.application", "does not deploy code"),
])  # fmt: skip
@pytest.mark.boundary("TestBot", "test.fix", "code.modify", "deploy", plane="proof")
@pytest.mark.boundary("TestBot", "test.fix", "code.modify", "deploy", plane="decision")
def test_decision_an_action_behind_a_boundary_is_found_and_never_started(
    capability: str, reason: str
):
    codes, found = verdict_with(capability)
    assert isinstance(found, Reject)
    assert (found.code, found.reason) == ("LR105", reason)
    assert "LB301" in codes


def test_decision_the_action_as_it_is_is_started():
    codes, found = verdict_with("test.run")
    assert (codes, type(found)) == (set(), Dispatch)
