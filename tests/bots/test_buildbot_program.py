"""BuildBot is a program of its own: it needs nothing of the engine."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from executor.workshop import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BOTS = sorted(path.parent for path in (ROOT / "bots").glob("*/manifest.yaml"))


@pytest.mark.parametrize("bot", BOTS, ids=lambda path: path.name)
def test_a_bot_imports_nothing_of_the_engine(bot: Path):
    for path in bot.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "lotabots"], path


def test_buildbot_starts_without_any_installed_package():
    command = [sys.executable, "-I", "-S", "-B", str(ROOT / "bots/build")]
    done = subprocess.run(command, input=b"[]", capture_output=True, check=False)
    assert b"ModuleNotFoundError" not in done.stderr
    assert done.stdout == b""
