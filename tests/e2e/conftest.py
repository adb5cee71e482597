"""The sandbox of the new workspace; where there is none, its test skips at home, fails in CI."""

from __future__ import annotations

from executor.workshop import launcher

__all__ = ["launcher"]
