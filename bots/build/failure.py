"""Why a build did not succeed."""

from __future__ import annotations


class BuildError(Exception):
    """No wheel. `outcome` is "failure" if the commit is to blame, "error" if it is not."""

    def __init__(self, reason: str, *, log: str = "", outcome: str = "failure") -> None:
        super().__init__(reason)
        self.log = log
        self.outcome = outcome
