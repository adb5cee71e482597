"""Runs the project's build backend with the tools of the toolbox, in processes of its own.

The project's own code runs there; only the sandbox bounds it. What it prints goes to the log.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import process
from failure import BuildError

MISSING_STATUS = 77
MAX_NAMES = 64 * 1024


def build(tree: Path, work: Path, *, tools: str, moment: int) -> str:
    """Build the wheel of `tree` into ``work/dist``; what the backend printed."""
    missing = work / "missing.json"
    temporary = work / "tmp"
    temporary.mkdir()
    driver = str(Path(__file__).with_name("driver.py"))
    status, log = process.run(
        [sys.executable, "-I", "-S", driver, tools, str(tree), str(work / "dist"), str(missing)],
        cwd=str(work),
        env={
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": tools,
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SOURCE_DATE_EPOCH": str(moment),
        },
    )
    if status == MISSING_STATUS:
        names = _names(missing)
        raise BuildError(f"the build needs {names}, which the toolbox does not have", log=log)
    if status != 0:
        raise BuildError(f"the build backend failed (exit status {status})", log=log)
    return log


def _names(missing: Path) -> str:
    """What the driver found missing; code of the project has run, and may have written there."""
    try:
        with open(missing, "rb", opener=_plain) as file:
            found = json.loads(file.read(MAX_NAMES))
        return ", ".join(f"`{name}`" for name in found)
    except (OSError, TypeError, ValueError, RecursionError):
        return "something"


def _plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def version(tools: str) -> str:
    """The version of the frontend in the toolbox."""
    for found in distributions(name="build", path=[tools]):
        if isinstance(found, PathDistribution):
            return found.version
    return "unknown"
