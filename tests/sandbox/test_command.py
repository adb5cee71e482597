"""``lotabots sandbox``, from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lotabots.adapters.sandbox.launch import Launcher
    from lotabots.policy.project_kernel import KernelPolicy

    Make = Callable[..., KernelPolicy]


def _sandbox(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    code = "from lotabots.cli.sandbox import sandbox; sandbox(prog_name='lotabots sandbox')"
    return subprocess.run(
        [sys.executable, "-c", code, *words], input=stdin, capture_output=True, check=False
    )


def _run(tmp_path: Path, data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    file, report = tmp_path / "policy.json", tmp_path / "report.jsonl"
    file.write_bytes(data)
    return _sandbox(
        "run", "--policy", str(file), "--report", str(report), "--", *words, stdin=b"in"
    )


def _lines(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]


def test_streams_and_status_pass_through(launcher: Launcher, policy: Make, tmp_path: Path) -> None:
    assert launcher.pid
    data = json.dumps(policy().plain()).encode()
    done = _run(tmp_path, data, "sh", "-c", "cat; echo err >&2; exit 5")
    assert (done.returncode, done.stdout, done.stderr) == (5, b"in", b"err\n")
    assert [line["kind"] for line in _lines(tmp_path)] == ["start", "exit"]


def test_options_of_the_program_are_its_own(
    launcher: Launcher, policy: Make, tmp_path: Path
) -> None:
    assert launcher.pid
    data = json.dumps(policy().plain()).encode()
    assert b"coreutils" in _run(tmp_path, data, "cat", "--version").stdout


def test_a_limit_is_137_and_a_line(launcher: Launcher, policy: Make, tmp_path: Path) -> None:
    assert launcher.pid
    data = json.dumps(policy(limits={"wall_s": 1}).plain()).encode()
    done = _run(tmp_path, data, "sleep", "100")
    assert (done.returncode, done.stderr) == (137, b"limit: wall_s\n")
    limit = next(line for line in _lines(tmp_path) if line["kind"] == "limit")
    assert (limit["limit"], limit["bound"]) == ("wall_s", 1)


def test_a_refusal_is_125_and_a_line(launcher: Launcher, policy: Make, tmp_path: Path) -> None:
    assert launcher.pid
    done = _run(tmp_path, json.dumps(policy().plain()).encode(), "/usr/bin/id")
    reason = "program `/usr/bin/id` is not granted: add it to `exec`"
    assert (done.returncode, done.stderr.decode()) == (125, f"refused: {reason}\n")
    assert _lines(tmp_path)[0] == {"kind": "refused", "reason": reason}


def test_a_wrong_policy_is_refused_too(tmp_path: Path) -> None:
    done = _run(tmp_path, b'{"version": 1, "raed": []}', "true")
    assert done.returncode == 125
    assert done.stderr.startswith(b"refused: unknown member `raed` of policy")


def test_no_policy_is_wrong_usage(tmp_path: Path) -> None:
    assert _sandbox("run", "--policy", str(tmp_path / "absent"), "--", "true").returncode == 2


def test_the_doctor_says_what_holds(launcher: Launcher) -> None:
    assert launcher.pid
    done = _sandbox("doctor", "--format", "json")
    assert done.returncode == 0, done
    strict, reduced = json.loads(done.stdout)
    assert (strict["level"], strict["holds"], reduced["level"]) == ("strict", True, "reduced")
    assert _sandbox("doctor").stdout.startswith(b"strict: holds\n")
