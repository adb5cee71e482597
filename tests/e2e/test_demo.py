"""The README's first command, as a new user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_demonstration_really_happens() -> None:
    """It checks every step itself and ends with 0 only if all of it happened."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/demo/demo.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "BuildBot.build: success" in done.stdout
    assert "out of scope, refused by decision: LR101" in done.stdout
    assert "ended by the limit `memory_mb`" in done.stdout
    assert "whole: " in done.stdout
