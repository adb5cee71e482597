"""Runs the project's build backend with the tools of the toolbox, in processes of its own.

The project's own code runs there; only the sandbox bounds it. What it prints goes to the log.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import process
from failure import BuildError


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
    if missing.is_file() and not missing.is_symlink():
        names = ", ".join(f"`{name}`" for name in json.loads(missing.read_bytes()))
        raise BuildError(f"the build needs {names}, which the toolbox does not have", log=log)
    if status != 0:
        raise BuildError(f"the build backend failed (exit status {status})", log=log)
    return log


def version(tools: str) -> str:
    """The version of the frontend in the toolbox."""
    for found in distributions(name="build", path=[tools]):
        if isinstance(found, PathDistribution):
            return found.version
    return "unknown"
