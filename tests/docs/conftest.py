"""The sandbox of the tutorial's bot; where there is none, its test skips at home, fails in CI."""

from __future__ import annotations

from executor.workshop import launcher

__all__ = ["launcher"]
