"""A run leaves nothing behind, whoever goes first; many runs do not disturb each other."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.adapters.sandbox.report import Level, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.project_kernel import KernelPolicy

    Run = Callable[..., Report]
    Make = Callable[..., KernelPolicy]
    Lent = Callable[[str], Path]

DAEMONS = """
import os, signal, sys
settled, settle = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if os.fork(): os._exit(0)
        for fd in (0, 1, 2): os.close(fd)
        os.write(settle, b"+")
        while True: signal.pause()
for _ in range(2): os.read(settled, 1)
"""
ENGINE = """
import sys
sys.path.insert(0, sys.argv[1])
from lotabots.adapters.sandbox.launch import Launcher
from lotabots.adapters.sandbox.policy_file import decode
from lotabots.adapters.sandbox.report import Level, RefusedError
launcher = Launcher()
run = launcher.start(decode(sys.argv[2].encode()), sys.argv[3:], level=Level(LEVEL))
import os
print(launcher.pid, os.read(run.stdout, 100).decode(), flush=True)
sys.stdin.read()
"""
ENGINE_PATH = str(Path(__file__).parents[2] / "engine")


def _marked(mark: str) -> list[int]:
    """Processes that were started with `mark` as an argument."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                content = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in content.split(b"\0"):
                found.append(int(entry.name))
    return found


def _wait_for_death(pids: list[int]) -> None:
    """Until the kernel says so; a process that is already gone counts."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        gone = waiting.poll(30_000)
        os.close(fd)
        assert gone, f"process {pid} is still there"


def test_daemons_end_with_the_program(run: Run, policy: Make) -> None:
    mark = "mark-of-the-daemons"
    made = policy()
    report = run(made, [*_python(made), DAEMONS, mark])
    assert report.status == 0, report.stderr
    assert _marked(mark) == []


def test_a_limit_ends_the_whole_tree(policy: Make) -> None:
    mark = "mark-of-the-limit"
    code = DAEMONS + "while True: signal.pause()"
    made = policy(limits={"wall_s": 1})
    report = run_policy(made, [*_python(made), code, mark])
    assert report.limit == "wall_s"
    assert _marked(mark) == []


def _python(made: KernelPolicy) -> list[str]:
    program = next(path for path in made.exec if "python" in path)
    return [program, "-I", "-S", "-c"]


def _engine_lost(made: KernelPolicy, level: Level, mark: str, victim: str) -> None:
    code = DAEMONS + "print('up', flush=True)\nwhile True: signal.pause()"
    arguments = [ENGINE_PATH, json.dumps(made.plain()), *_python(made), code, mark]
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE.replace("LEVEL", repr(level.value)), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert engine.stdout is not None
    assert engine.stdin is not None
    launcher, up = engine.stdout.readline().split()
    assert up == b"up"
    tree = [pid for pid in _marked(mark) if pid != engine.pid]
    assert len(tree) >= 3, "the program and its daemons run"
    if victim == "engine":
        engine.kill()
    else:
        children = Path(f"/proc/{int(launcher)}/task/{int(launcher)}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
    _wait_for_death(tree)
    engine.stdin.close()
    engine.stdout.close()
    engine.kill()
    engine.wait()
    _wait_for_death([int(launcher)])


def test_the_tree_dies_with_the_engine(launcher: Launcher, policy: Make) -> None:
    assert launcher.pid
    _engine_lost(policy(), Level.STRICT, "mark-of-the-engine", "engine")


def test_the_tree_dies_with_the_supervisor(launcher: Launcher, policy: Make) -> None:
    assert launcher.pid
    _engine_lost(policy(), Level.STRICT, "mark-of-the-supervisor", "supervisor")


def test_a_run_can_be_stopped(launcher: Launcher, policy: Make) -> None:
    run = launcher.start(policy(), ["sleep", "1000"], level=Level.STRICT)
    run.stop()
    lines = b"".join(iter(lambda: run.control.recv(65_536), b""))
    run.close()
    assert b'"stopped"' in lines
    assert b'"status": 137' in lines


def test_secrets_are_on_no_command_line(launcher: Launcher, policy: Make) -> None:
    """Of no process of the host, while the program has them."""
    made = policy(env={"TOKEN": "very" + "-secret"})
    run = launcher.start(made, ["sh", "-c", "echo $TOKEN; exec sleep 1000"], level=Level.STRICT)
    assert os.read(run.stdout, 100) == b"very-secret\n"
    lines = b""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines += entry.read_bytes()
        except OSError:
            continue
    run.close()
    assert b"bwrap" in lines
    assert b"very-secret" not in lines


def _open_files(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_fifty_runs_at_once(launcher: Launcher, policy: Make) -> None:
    made = policy()
    before = _open_files("self")

    def one(number: int) -> tuple[int, bytes]:
        report = run_policy(made, ["cat"], stdin=b"%d" % number * 1000, launcher=launcher)
        return report.status, report.stdout

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    assert results == [(0, b"%d" % number * 1000) for number in range(50)]
    assert _open_files("self") == before
    assert _open_files(launcher.pid) < 10


def test_a_launcher_that_is_gone_is_told(policy: Make) -> None:
    launcher = Launcher()
    os.kill(launcher.pid, signal.SIGKILL)
    _wait_for_death([launcher.pid])
    with launcher, pytest.raises(RefusedError, match="the sandbox launcher is gone"):
        launcher.start(policy(), ["true"], level=Level.STRICT)


def test_a_command_is_a_word_at_least(launcher: Launcher, policy: Make) -> None:
    for argv in ([], ["true", "a\0b"]):
        with pytest.raises(ValueError, match="a command is one word at least"):
            launcher.start(policy(), argv, level=Level.STRICT)


def test_a_policy_from_code_is_checked_too(run: Run, policy: Make) -> None:
    report = run(policy(env={"A": "x\0y"}), ["true"])
    assert (report.status, report.refused) == (125, "`env.A` must be text")


def test_a_killed_program_says_so(run: Run, policy: Make) -> None:
    assert run(policy(), ["sh", "-c", "kill -9 $$"]).status == 137


def test_a_foreign_architecture_is_killed_by_the_filter(python: Run, policy: Make) -> None:
    """int 0x80 from 64-bit code enters the kernel by its i386 door."""
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000cd80c3"))
ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print("ESCAPED")
"""
    report = python(policy(), code)
    assert (report.status, report.stdout) == (128 + signal.SIGSYS, b"")
    assert {"kind": "killed", "by": "filter"} in report.entries
