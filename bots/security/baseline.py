"""Which earlier commit a change is compared with: the nearest one that was found clean.

Not simply the commit before: a bad commit would be the baseline of the next one, and so its
findings would be new only once, and pass a gate with any later commit. The first commit before
that this bot ever hears of for a repository is taken as it is: what was there is not the
change's fault.
This file is the same in every bot that compares commits (a test compares them).
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from commits import COMMIT

if TYPE_CHECKING:
    from pathlib import Path

    from commits import Repository

MAX_DESCENT = 1000
MAX_KEPT = 5000


class Judged:
    """The clean commits of one repository: empty files below the bot's state, named by commit."""

    def __init__(self, state: Path, name: str) -> None:
        self._folder = state / "clean" / hashlib.sha256(name.encode()).hexdigest()[:32]

    def baseline(self, repository: Repository, before: str) -> str | None:
        """The commit to compare with; None: everything is new. `before` may be empty."""
        descent = repository.line_of_descent(before, limit=MAX_DESCENT)
        try:
            self._folder.mkdir(parents=True)
        except FileExistsError:
            pass
        else:
            if descent:
                self.clean(descent[0])
        return next((one for one in descent if (self._folder / one).exists()), None)

    def clean(self, commit: str) -> None:
        """Remember that nothing in `commit` was new; the oldest are forgotten."""
        if not COMMIT.fullmatch(commit):
            return
        (self._folder / commit).touch()
        kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-MAX_KEPT]:
            with suppress(FileNotFoundError):  # another job forgot it first
                path.unlink()
