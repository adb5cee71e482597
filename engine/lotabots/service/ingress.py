"""The git ingress: pushes to the configured repositories become ``change.pushed`` events.

It publishes with credentials of its own, as ``ingress.git``, like any other outside source.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Final

from lotabots.adapters.git.watch import GitError
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.git.watch import Push, RefWatcher
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

SOURCE: Final = "ingress.git"
EVENT: Final = "change.pushed"
POLL_S: Final = 0.5
BROKEN_S: Final = 10.0
"""How long a repository that cannot be read is left alone."""


class GitIngress:
    """Announces pushes until cancelled."""

    def __init__(self, watchers: Sequence[RefWatcher], *, publish: Ledger, clock: Clock) -> None:
        self._watchers = watchers
        self._publish = publish
        self._clock = clock

    async def begin(self) -> None:
        """Note where repositories that were never seen before stand; what comes later is news."""
        for watcher in self._watchers:
            try:
                await watcher.pushes()
            except GitError as error:
                _complain(watcher, error)

    async def run(self) -> None:
        """Watch all repositories, each on its own, so that a broken one delays no other."""
        async with asyncio.TaskGroup() as group:
            for watcher in self._watchers:
                group.create_task(self._watch(watcher))

    async def announce(self, watcher: RefWatcher) -> int:
        """Publish what was pushed to one repository; how many events.

        Raises:
            GitError: the repository cannot be read.
        """
        pushes = await watcher.pushes()
        for push in pushes:
            await self._publish.store([self._message(push)])
            watcher.settle(push)
        return len(pushes)

    async def _watch(self, watcher: RefWatcher) -> None:
        while True:
            try:
                await self.announce(watcher)
            except GitError as error:
                _complain(watcher, error)
                await asyncio.sleep(BROKEN_S)
            await asyncio.sleep(POLL_S)

    def _message(self, push: Push) -> Outgoing:
        envelope = {
            "id": push.event_id,
            "timestamp": self._clock.now().isoformat(),
            "source": SOURCE,
            "destination": "*",
            "type": EVENT,
            "payload": push.payload,
            "priority": "medium",
            "correlation_id": push.commit,
        }
        return Outgoing(f"ev.{EVENT}", json.dumps(envelope).encode())


def _complain(watcher: RefWatcher, error: GitError) -> None:
    log.warning("git.unreadable", extra={"repository": watcher.name, "error": str(error)})
