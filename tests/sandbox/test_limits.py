"""Every limit ends the run, by its name, and what stays below it is left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]
    Lent = Callable[[str], Path]

MIB = 2**20
FOREVER = "import signal\nwhile True: signal.pause()\n"


def _assert_ended_by(report: Report, limit: str) -> None:
    assert (report.status, report.limit) == (137, limit), (report.entries, report.stderr)
    line = next(json.loads(text) for text in report.lines().splitlines() if "limit" in text)
    assert line["limit"] == limit
    assert line["value"] >= line["bound"], "rounded, so they may look equal"


def test_wall_time(python: Run, policy: Make) -> None:
    _assert_ended_by(python(policy(limits={"wall_s": 1}), FOREVER), "wall_s")


def test_cpu_time(python: Run, policy: Make) -> None:
    _assert_ended_by(python(policy(limits={"cpu_s": 1}), "while True: pass"), "cpu_s")


def test_cpu_time_of_several_processes_together(python: Run, policy: Make) -> None:
    code = "import os\nos.fork()\nos.fork()\nwhile True: pass"
    report = python(policy(limits={"cpu_s": 2}), code)
    _assert_ended_by(report, "cpu_s")


def test_cpu_time_of_children_that_nobody_waits_for(python: Run, policy: Make) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    child = os.fork()
    if child == 0:
        end = time.process_time() + 0.3
        while time.process_time() < end: pass
        os._exit(0)
    try: os.waitpid(child, 0)
    except ChildProcessError: pass
"""
    _assert_ended_by(python(policy(limits={"cpu_s": 1}), code), "cpu_s")


def test_memory(python: Run, policy: Make) -> None:
    report = python(policy(limits={"memory_mb": 64}), f"x = bytearray({512 * MIB})\n{FOREVER}")
    _assert_ended_by(report, "memory_mb")


def test_memory_of_several_processes_together(python: Run, policy: Make) -> None:
    code = f"import os\nos.fork()\nos.fork()\nx = bytearray({40 * MIB})\n{FOREVER}"
    _assert_ended_by(python(policy(limits={"memory_mb": 100}), code), "memory_mb")


def test_memory_shared_by_forks_counts_once(python: Run, policy: Make) -> None:
    code = f"""
import os, time
x = bytearray({60 * MIB})
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""
    report = python(policy(limits={"memory_mb": 150}), code)
    assert report.status == 0, report.entries


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])  # noqa: S108 - the sandbox's own
def test_memory_in_files(python: Run, policy: Make, folder: str) -> None:
    code = f"f = open('{folder}/x', 'wb', 0)\nfor _ in range(58): f.write(bytes({MIB}))\n{FOREVER}"
    report = python(policy(limits={"memory_mb": 60}), code)
    _assert_ended_by(report, "memory_mb")


def test_processes(python: Run, policy: Make) -> None:
    code = "import os\nfor _ in range(6):\n    if os.fork() == 0: break\n" + FOREVER
    _assert_ended_by(python(policy(limits={"processes": 6}), code), "processes")


def test_as_many_processes_as_granted_are_fine(python: Run, policy: Make) -> None:
    code = """
import os, time
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
print("done")
"""
    report = python(policy(limits={"processes": 6}), code)
    assert (report.status, report.stdout) == (0, b"done\n"), report.entries


def test_threads_are_tasks_too(python: Run, policy: Make) -> None:
    code = (
        "import threading, signal\nfor _ in range(8): threading.Thread(target=signal.pause).start()"
    )
    report = python(policy(limits={"processes": 4}), code)
    assert (report.status, report.limit) == (137, "processes"), report.stderr


def test_a_fork_bomb(python: Run, policy: Make) -> None:
    code = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
    report = python(policy(limits={"processes": 20}), code)
    _assert_ended_by(report, "processes")
    assert next(e["value"] for e in report.entries if e["kind"] == "limit") == 21


def test_a_flood_of_output_is_cut_at_the_limit(run: Run, policy: Make) -> None:
    made = policy(limits={"output_bytes": 100_000})
    report = run(made, ["sh", "-c", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"])
    _assert_ended_by(report, "output_bytes")
    assert len(report.stdout) == 100_000


def test_error_output_counts_as_output(python: Run, policy: Make) -> None:
    code = (
        "import sys\nsys.stdout.write('a' * 600)\nsys.stdout.flush()\nsys.stderr.write('b' * 600)"
    )
    report = python(policy(limits={"output_bytes": 1000}), code)
    _assert_ended_by(report, "output_bytes")
    assert len(report.stdout + report.stderr) == 1000


def test_exactly_the_granted_output_is_fine(python: Run, policy: Make) -> None:
    report = python(policy(limits={"output_bytes": 1000}), "print('a' * 999)")
    assert (report.status, len(report.stdout)) == (0, 1000)


def test_disk_in_one_file(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    code = f"f = open('{out}/x', 'wb')\nwhile True: f.write(bytes({MIB}))"
    report = python(policy(write=[out], limits={"disk_mb": 20, "memory_mb": 64}), code)
    _assert_ended_by(report, "disk_mb")
    assert (out / "x").stat().st_size <= (64 + 64) * MIB, "the kernel's bound on one file"


def test_disk_written_just_before_the_end(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    code = f"for i in range(5): open(f'{out}/{{i}}', 'wb').write(bytes({5 * MIB}))"
    report = python(policy(write=[out], limits={"disk_mb": 20}), code)
    _assert_ended_by(report, "disk_mb")


def test_disk_of_files_without_a_name(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    code = f"""
import os
files = []
for i in range(8):
    files.append(open('{out}/x', 'wb')); os.unlink('{out}/x')
    files[-1].write(bytes({5 * MIB})); files[-1].flush()
{FOREVER}"""
    report = python(policy(write=[out], limits={"disk_mb": 20}), code)
    _assert_ended_by(report, "disk_mb")


def test_disk_of_a_program_that_hides_its_open_files(python: Run, policy: Make, lent: Lent) -> None:
    """PR_SET_DUMPABLE 0 closes /proc/PID/fd; the supervisor asks the kernel for each file."""
    out = lent("out")
    code = f"""
import ctypes, os
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
files = []
for i in range(8):
    files.append(open('{out}/x', 'wb')); os.unlink('{out}/x')
    files[-1].write(bytes({5 * MIB})); files[-1].flush()
{FOREVER}"""
    report = python(policy(write=[out], limits={"disk_mb": 20}), code)
    _assert_ended_by(report, "disk_mb")


def test_disk_in_a_folder_that_is_closed(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    code = f"""
import os
os.mkdir('{out}/d')
for i in range(5): open(f'{out}/d/{{i}}', 'wb').write(bytes({5 * MIB}))
os.chmod('{out}/d', 0)
{FOREVER}"""
    report = python(policy(write=[out], limits={"disk_mb": 20}), code)
    _assert_ended_by(report, "disk_mb")
    (out / "d").chmod(0o700)


def test_many_empty_files_are_disk_too(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    code = f"for i in range(2000): open(f'{out}/{{i}}', 'w').close()\n{FOREVER}"
    report = python(policy(write=[out], limits={"disk_mb": 5}), code)
    _assert_ended_by(report, "disk_mb")


def test_what_was_there_before_does_not_count(python: Run, policy: Make, lent: Lent) -> None:
    out = lent("out")
    (out / "old").write_bytes(bytes(30 * MIB))
    code = f"open('{out}/x', 'wb').write(bytes({5 * MIB}))"
    report = python(policy(write=[out], limits={"disk_mb": 20}), code)
    assert report.status == 0, report.entries


def test_open_files(python: Run, policy: Make) -> None:
    code = """
import os
count = 0
try:
    while True: os.dup(0); count += 1
except OSError: print(count)
"""
    report = python(policy(limits={"open_files": 50}), code)
    assert report.stdout == b"47\n"
