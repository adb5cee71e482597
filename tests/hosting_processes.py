"""Service processes that host the sample, by the command line itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hosting_shop import PATIENCE_S, until
from running import lay_out

if TYPE_CHECKING:
    import signal

    from hosting_shop import Hosting
    from lotabots.adapters.hosting.host import Plan


def workspace(root: Path, plan: Plan) -> Path:
    """A workspace that hosts what `plan` says; JSON is YAML."""
    lay_out(root)
    places = {
        one.environment: {"listen": one.listen, "instances": {"min": one.least, "max": one.most}}
        for one in plan.services
    }
    shop_keys = {"run": "shop", "health": "/healthz", "environments": places}
    text = json.dumps({"services": {"shop": shop_keys}, "outside": ["cli.ann"], "lease": 2})
    (root / "lotabots.yaml").write_text(text, encoding="utf-8")
    return root


def begun(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A service process."""
    command = [sys.executable, "-m", "lotabots", "run", "-C", str(root), *arguments]
    with (root / "run.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def started(root: Path, client: Hosting, *arguments: str) -> subprocess.Popen[bytes]:
    """A service process whose doors are open."""
    process = begun(root, *arguments)

    async def is_open() -> bool:
        assert process.poll() is None, (root / "run.log").read_text(encoding="utf-8")
        try:
            return (await client.call("monitor", "GET", "/targets")).status == 200
        except OSError:
            return False

    await until(is_open, what="the doors")
    return process


async def ended(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """The exit status of a process that gets a signal."""
    process.send_signal(number)
    return await asyncio.to_thread(process.wait, PATIENCE_S)


async def nothing_of(root: Path) -> bool:
    """Whether no process has to do with the releases of a workspace."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):  # noqa: ASYNC240 - not a disk
        try:
            line = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{root}/.lotabots/hosting" in line:
            return False
    return True
