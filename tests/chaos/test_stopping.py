"""A service that is told to end does so within seconds, leaves nothing, and goes on later."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes import Processes
from running import Scripted, Watcher, lay_out, until

if TYPE_CHECKING:
    from pathlib import Path

ALL = {"owner": "engine,worker,audit"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
async def test_a_stop_with_a_job_under_way_leaves_nothing_and_the_job_goes_on(
    root: Path, number: signal.Signals
):
    journal = Scripted(root)
    async with Processes(root, ALL) as processes:
        async with Watcher(root) as watcher:
            await watcher.start(processes.url)
            await watcher.emit("slow.asked", {"n": 1, "plan": "wait 4"})
            await until(lambda: _began(journal, 1), what="the job")
        server = processes.pid("nats-server")
        os.kill(processes.pid("owner"), number)
        assert await asyncio.to_thread(processes.wait, "owner") == 0
        assert not [note for note in journal.notes() if note[0] == "end"], "it was not waited for"
        assert not os.access(f"/proc/{server}", os.F_OK)
        assert not os.access(root / ".lotabots/run.json", os.F_OK)
        with (root / ".lotabots/lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        await processes.start_all()
        async with Watcher(root) as watcher:
            await watcher.start(processes.url)
            await watcher.until_count(1, "LB_OUTCOMES", "lb.out.done.>")
            (outcome,) = await watcher.bodies("LB_OUTCOMES")
        await processes.stop_all()
    assert (outcome["outcome"], outcome["attempts"]) == ("success", 1)
    assert [note[0] for note in journal.notes()].count("begin") == 2


def test_a_second_service_on_the_same_state_folder_is_refused(root: Path):
    first = subprocess.Popen(_run(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert first.stdout is not None
        assert b"serves chain" in first.stdout.readline()
        second = subprocess.run(_run(root), capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert "a service already runs with" in second.stderr
        assert "join it with --join" in second.stderr
        third = subprocess.Popen([*_run(root), "--join"], stdout=subprocess.PIPE)
        assert third.stdout is not None
        assert b"serves chain" in third.stdout.readline()
        third.terminate()
        assert b"stopped" in third.communicate()[0]
        assert third.returncode == 0
    finally:
        first.terminate()
        assert b"stopped" in first.communicate()[0]
    assert first.returncode == 0


def test_a_damaged_audit_log_keeps_the_service_from_starting(root: Path):
    (root / ".lotabots/audit").mkdir(parents=True)
    (root / ".lotabots/audit/checkpoint").write_text("nonsense\n", encoding="utf-8")
    done = subprocess.run(_run(root), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the audit log is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / ".lotabots/run.json").exists()


def test_rules_with_errors_and_unknown_roles_and_nobody_to_join_are_said_at_once(tmp_path: Path):
    root = lay_out(tmp_path)
    done = subprocess.run(
        [*_run(root), "--role", "engine,boss"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "unknown role `boss`" in done.stderr) == (2, True)
    done = subprocess.run([*_run(root), "--join"], capture_output=True, text=True, check=False)
    assert (done.returncode, "no service runs with" in done.stderr) == (2, True)
    (root / "rules/gates.yaml").write_text("gates: 7\n", encoding="utf-8")
    done = subprocess.run(_run(root), capture_output=True, text=True, check=False)
    assert (done.returncode, "the rules have errors" in done.stderr) == (1, True)


def test_what_a_killed_service_left_behind_is_no_running_service(root: Path):
    (root / ".lotabots").mkdir()
    (root / ".lotabots/run.json").write_text('{"url": "nats://127.0.0.1:1"}', encoding="utf-8")
    command = [sys.executable, "-m", "lotabots", "status", "-C", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "no service runs with" in done.stderr


def test_a_process_that_waits_for_the_server_can_be_ended(root: Path):
    state = root / ".lotabots"
    state.mkdir()
    first = subprocess.Popen(_run(root), stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert b"serves chain" in first.stdout.readline()
    address = (state / "run.json").read_text(encoding="utf-8")
    first.terminate()
    first.communicate()
    with (state / "lock").open() as lock:  # as if it ran, and its server were away
        fcntl.flock(lock, fcntl.LOCK_EX)
        (state / "run.json").write_text(address, encoding="utf-8")
        joined = subprocess.Popen([*_run(root), "--join"], stderr=subprocess.PIPE)
        assert joined.stderr is not None
        assert b"Connect call failed" in joined.stderr.readline()
        joined.terminate()
        joined.communicate(timeout=20)
    assert joined.returncode == 0


def _run(root: Path) -> list[str]:
    return [sys.executable, "-m", "lotabots", "run", "-C", str(root)]


async def _began(journal: Scripted, times: int) -> bool:
    return [note[0] for note in journal.notes()].count("begin") >= times
