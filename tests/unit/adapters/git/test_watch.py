"""Pushes to real repositories: announced once, never lost."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.clock import SystemClock
from lotabots.adapters.git.watch import GitError, RefWatcher, heads
from lotabots.runtime.ports import Ack
from lotabots.service.ingress import GitIngress

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.runtime.ports import Outgoing

WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def git(*words: object) -> str:
    done = subprocess.run(["git", *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "bare.git"
    git("init", "--quiet", "--bare", path)
    git("clone", "--quiet", path, tmp_path / "work")
    return path


def push(bare: Path, branch: str = "main") -> str:
    work = bare.parent / "work"
    git("-C", work, *WHO, "commit", "--quiet", "--allow-empty", "--message", "m")
    git("-C", work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    return git("-C", work, "rev-parse", "HEAD")


class Posted:
    """Keeps what is published; can fail as a broker does that is gone."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.broken = False

    async def store(self, messages: list[Outgoing]) -> list[Ack]:
        if self.broken:
            raise ConnectionError
        self.messages += messages
        return [Ack() for _ in messages]


def ingress(watcher: RefWatcher, posted: Posted) -> GitIngress:
    return GitIngress([watcher], publish=posted, clock=SystemClock())  # type: ignore[arg-type]  # the one method it uses


def test_a_push_is_announced_once_with_its_base(bare: Path, tmp_path: Path) -> None:
    async def story() -> None:
        watcher, posted = RefWatcher("shop", bare, tmp_path / "memory"), Posted()
        first = push(bare)
        await ingress(watcher, posted).begin()
        second = push(bare)
        assert await ingress(watcher, posted).announce(watcher) == 1
        assert await ingress(watcher, posted).announce(watcher) == 0
        (message,) = posted.messages
        assert message.subject == "ev.change.pushed"
        assert f'"id": "{second}"'.encode() in message.body
        assert f'"base": "{first}"'.encode() in message.body

    asyncio.run(story())


def test_what_is_there_before_the_first_look_is_no_news(bare: Path, tmp_path: Path) -> None:
    async def story() -> None:
        watcher, posted = RefWatcher("shop", bare, tmp_path / "memory"), Posted()
        push(bare)
        await ingress(watcher, posted).begin()
        assert await ingress(watcher, posted).announce(watcher) == 0

    asyncio.run(story())


def test_a_push_that_could_not_be_announced_is_announced_later_under_the_same_id(
    bare: Path, tmp_path: Path
) -> None:
    async def story() -> None:
        watcher, posted = RefWatcher("shop", bare, tmp_path / "memory"), Posted()
        await ingress(watcher, posted).begin()
        push(bare)
        (before,) = await watcher.pushes()
        posted.broken = True
        with pytest.raises(ConnectionError):
            await ingress(watcher, posted).announce(watcher)
        posted.broken = False
        again = RefWatcher("shop", bare, tmp_path / "memory")
        assert await ingress(again, posted).announce(again) == 1
        assert before.event_id.encode() in posted.messages[0].body

    asyncio.run(story())


def test_branches_are_announced_one_by_one_and_a_rewound_one_too(
    bare: Path, tmp_path: Path
) -> None:
    async def story() -> None:
        watcher, posted = RefWatcher("shop", bare, tmp_path / "memory"), Posted()
        await ingress(watcher, posted).begin()
        old = push(bare, "main")
        push(bare, "topic")
        assert await ingress(watcher, posted).announce(watcher) == 2
        new = push(bare, "main")
        await ingress(watcher, posted).announce(watcher)
        git("--git-dir", bare, "update-ref", "refs/heads/main", old)
        (rewound,) = await watcher.pushes()
        assert (rewound.commit, rewound.base) == (old, new)

    asyncio.run(story())


def test_a_folder_that_is_no_repository_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        asyncio.run(heads(tmp_path))
