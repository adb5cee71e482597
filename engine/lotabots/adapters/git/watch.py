"""Watches the branches of bare repositories and says what was pushed.

Heads that were announced are kept in a file per repository, written after the announcement. So a
crash in between announces a push twice, under the same event id, which makes it a duplicate; it
never loses one. A repository that is seen for the first time is announced from then on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIT_TIMEOUT_S: Final = 30.0
MAX_REFS: Final = 10_000
_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (refs/heads/\S{1,200})")


class GitError(Exception):
    """A repository cannot be read; the message names it and git's reason."""


class Push(NamedTuple):
    """A branch of a repository that moved to another commit; `base` is empty for a new branch."""

    repository: str
    ref: str
    commit: str
    base: str

    @property
    def event_id(self) -> str:
        """The same for every announcement of the same move."""
        named = "\0".join(self)
        return f"git-{hashlib.sha256(named.encode()).hexdigest()[:32]}"

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of ``change.pushed``."""
        change = {"id": self.commit, "ref": self.ref}
        return {
            "repository": self.repository,
            "change": change | ({"base": self.base} if self.base else {}),
        }


class RefWatcher:
    """What is new in a repository since the last `settle`. `memory` is a folder of its own."""

    def __init__(self, name: str, path: Path, memory: Path) -> None:
        self.name = name
        self._path = path
        self._file = memory / f"{name}.json"

    async def pushes(self) -> list[Push]:
        """The moves of branches that were not settled yet, sorted by branch.

        Raises:
            GitError: git does not answer, or not for this folder.
        """
        now = await heads(self._path)
        known = self._known()
        if known is None:
            self._write(now)
            return []
        return [
            Push(self.name, ref, commit, known.get(ref, ""))
            for ref, commit in sorted(now.items())
            if known.get(ref) != commit
        ]

    def settle(self, push: Push) -> None:
        """`push` was announced."""
        self._write({**(self._known() or {}), push.ref: push.commit})

    def _known(self) -> dict[str, str] | None:
        try:
            known: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return known

    def _write(self, refs: Mapping[str, str]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._file.with_suffix(".part")
        partial.write_text(json.dumps(dict(sorted(refs.items()))), encoding="utf-8")
        partial.replace(self._file)


async def heads(path: Path) -> dict[str, str]:
    """The branches of the repository at `path` and the commits they stand at.

    Raises:
        GitError: git does not answer, or not for this folder.
    """
    process = await asyncio.create_subprocess_exec(
        *("git", "--git-dir", str(path), "for-each-ref"),
        *(f"--count={MAX_REFS}", "--format=%(objectname) %(refname)", "refs/heads/"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(GIT_TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise GitError(f"{path}: git gave no answer in {GIT_TIMEOUT_S:.0f} s") from None
    if process.returncode:
        said = err.decode("utf-8", "replace").strip().splitlines()
        raise GitError(f"{path}: {said[-1] if said else 'git failed'}")
    found = (_LINE.fullmatch(line) for line in out.decode("utf-8", "replace").splitlines())
    return {match[2]: match[1] for match in found if match is not None}
