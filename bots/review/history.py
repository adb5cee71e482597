"""With which commit a change is compared."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from commits import COMMIT, ENV

EMPTY = ""


class Compared(NamedTuple):
    """`base` is the commit before, empty for none; `because` says why it is that one."""

    base: str
    because: str


class History:
    """The ancestors of commits in a bare repository that is only read."""

    def __init__(self, git: str, path: str) -> None:
        self._git = [git, f"--git-dir={path}"]

    def compared(self, commit: str, said: str) -> Compared:
        """What to compare `commit` with, if the event `said` what was there before.

        It is the last commit that both sides have, so that what the other side did since is not
        taken for a part of the change.
        """
        if self._is_commit(said):
            shared = self._lines("merge-base", said, commit)
            if shared[:1] == [commit]:
                return Compared(said, "what was pushed before, which had more")
            base = shared[0] if shared else said
            return Compared(base, "what the event says was there before")
        parents = self._lines("rev-parse", "--verify", "--quiet", f"{commit}^1")
        if parents:
            return Compared(parents[0], "its first parent: the event names no commit that is here")
        return Compared(EMPTY, "nothing: it is the first commit")

    def _is_commit(self, name: str) -> bool:
        return bool(COMMIT.fullmatch(name)) and self._lines("cat-file", "-t", name) == ["commit"]

    def _lines(self, *arguments: str) -> list[str]:
        done = subprocess.run([*self._git, *arguments], capture_output=True, check=False, env=ENV)
        return done.stdout.decode("ascii", "replace").split() if done.returncode == 0 else []
