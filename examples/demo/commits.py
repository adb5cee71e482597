"""The six commits, and the team that pushes them: what did no good is reverted before the next."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from lotabots.adapters.git.watch import Push

HERE = Path(__file__).resolve().parent
BRANCH = "main"
AUTHOR = {
    "GIT_AUTHOR_NAME": "A developer",
    "GIT_AUTHOR_EMAIL": "developer@example.org",
    "GIT_COMMITTER_NAME": "A developer",
    "GIT_COMMITTER_EMAIL": "developer@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
SUBJECT = "Subject: "


class GitError(Exception):
    """Git refused; the text is git's."""


class Change(NamedTuple):
    """What a commit changes: nothing for the first one, which is the whole sample."""

    patch: str
    what: str
    """Why it is in this story."""

    end: str
    """How its story ends: ``stopped``, ``refused`` (in production), ``released``, ``withdrawn``."""


CHANGES = (
    Change("", "a good one", "released"),
    Change("2-lint", "a name that does not exist", "stopped"),
    Change("3-test", "a test fails", "stopped"),
    Change("4-insecure", "evaluates what strangers send", "stopped"),
    Change("5-production", "works everywhere but in production", "refused"),
    Change("6-slow", "gets slower with every request", "withdrawn"),
)


class Pushed(NamedTuple):
    """A change that was pushed."""

    number: int
    change: Change
    subject: str
    commit: str
    event: str
    """The id of the event that tells of it."""

    @property
    def short(self) -> str:
        """The commit as people name it."""
        return self.commit[:7]


class Team:
    """Commits in a checkout and pushes to the bare repository that the service watches."""

    def __init__(self, bare: Path, checkout: Path, *, name: str) -> None:
        self._bare, self._checkout, self._name = bare, checkout, name
        self._head = ""

    def begin(self) -> None:
        """An empty repository, and a checkout of it."""
        _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self._bare))
        _git("clone", "--quiet", str(self._bare), str(self._checkout))

    def push(self, number: int, change: Change, *, revert: bool) -> Pushed:
        """Commit and push a change; with `revert` the one before is reverted first."""
        if revert:
            self._run("revert", "--no-edit", "HEAD")
        subject = self._apply(change)
        self._run("add", "--all")
        self._run("commit", "--quiet", "--message", subject)
        self._run("push", "--quiet", "origin", f"HEAD:{BRANCH}")
        before, self._head = self._head, self._run("rev-parse", "HEAD").strip()
        push = Push(self._name, f"refs/heads/{BRANCH}", self._head, before)
        return Pushed(number, change, subject, self._head, push.event_id)

    def _apply(self, change: Change) -> str:
        if not change.patch:
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(HERE / "sample", self._checkout, dirs_exist_ok=True, ignore=skipped)
            return "Open the shop"
        patch = HERE / "changes" / f"{change.patch}.patch"
        self._run("apply", str(patch))
        return patch.read_text(encoding="utf-8").splitlines()[0].removeprefix(SUBJECT)

    def _run(self, *words: str) -> str:
        return _git("-C", str(self._checkout), *words)


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],
        env={**os.environ, "LC_ALL": "C", **AUTHOR},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GitError(f"git {words[-1]}: {done.stderr.strip()}")
    return done.stdout
