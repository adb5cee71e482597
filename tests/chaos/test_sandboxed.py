"""The same with real programs in the real sandbox, started by the command line itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lotabots.adapters.sandbox.probe import probe
from lotabots.adapters.sandbox.report import Level
from lotabots.service.folder import StateFolder
from running import Watcher, lay_out, until

BOTS = {"make": "MakeBot", "check": "CheckBot", "ship": "ShipBot"}
PROGRAM = """\
import json, sys, time
job = json.load(sys.stdin)
time.sleep(0.3)
said = {"MakeBot": "make.done", "CheckBot": "check.done", "ShipBot": "ship.done"}[job["bot"]]
print(json.dumps({"type": said, "payload": {"n": job["event"]["payload"]["n"]}}), flush=True)
"""
EVENTS = 6


async def test_a_killed_worker_leaves_no_program_and_its_jobs_go_on(tmp_path: Path):
    if not probe(Level.STRICT).holds:
        pytest.skip("this host does not keep the strict sandbox")
    root = _workshop(tmp_path)
    owner = _start(root, "--role", "engine,audit")
    worker = owner
    try:
        await until(lambda: _is_there(root), what="the service")
        worker = _start(root, "--join", "--role", "worker")
        async with Watcher(root) as watcher:
            await watcher.start(_url(root))
            for n in range(EVENTS):
                await watcher.emit("make.asked", {"n": n})
            for _ in range(3):
                begun = await watcher.count("LB_ATTEMPTS", "lb.att.*.*.*.started")
                await watcher.until_count(begun + 1, "LB_ATTEMPTS", "lb.att.*.*.*.started")
                worker.kill()
                worker.wait()
                worker = _start(root, "--join", "--role", "worker")
            await watcher.until_count(3 * EVENTS, "LB_OUTCOMES")
            outcomes = await watcher.bodies("LB_OUTCOMES")
    finally:
        for process in (worker, owner):
            process.terminate()
            process.wait(20)
    assert {row["outcome"] for row in outcomes} == {"success"}, outcomes
    assert len({row["job"] for row in outcomes}) == 3 * EVENTS
    assert (worker.returncode, owner.returncode) == (0, 0)
    assert not _programs_of(root)
    assert not _folders_of_jobs(root)


def _workshop(tmp_path: Path) -> Path:
    root = lay_out(tmp_path)
    (root / "lotabots.yaml").write_text("outside: [cli.ann]\nlease: 2\n", encoding="utf-8")
    for folder, bot in BOTS.items():
        home = root / "bots" / folder
        home.mkdir(parents=True)
        (home / "main.py").write_text(PROGRAM, encoding="utf-8")
        (home / "manifest.yaml").write_text(
            f"manifest: 1\nbot: {bot}\nentry_points:\n"
            f'  {folder}: {{run: ["{{python}}", -I, -S, "{{bot}}/main.py"]}}\n',
            encoding="utf-8",
        )
        rules = root / f"rules/bots/{folder}bot.yaml"
        text = rules.read_text(encoding="utf-8")
        grants = f'command: {folder}, grants: {{exec: ["{{python}}"], write: ["{{out}}"]}}'
        rules.write_text(text.replace(f"command: {folder}", grants), encoding="utf-8")
    (root / "requirements").mkdir()
    return root


def _start(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "lotabots", "run", "-C", str(root), *arguments]
    log = (root / "run.log").open("ab")
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def _is_there(root: Path) -> bool:
    return os.access(root / ".lotabots/run.json", os.R_OK)


def _url(root: Path) -> str:
    return str(StateFolder(root / ".lotabots").running()["url"])


def _folders_of_jobs(root: Path) -> list[Path]:
    return list((root / ".lotabots/jobs").iterdir())


def _programs_of(root: Path) -> list[str]:
    """Command lines of processes that have to do with the workspace."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in line:
            found.append(line)
    return found
