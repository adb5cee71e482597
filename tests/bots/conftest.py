"""The workshop in which bots are run for real."""

from __future__ import annotations

from bots.yards import yard
from executor.workshop import build_toolbox, launcher, workshop
from hosting_shop import hosting_sandbox

__all__ = ["build_toolbox", "hosting_sandbox", "launcher", "workshop", "yard"]
