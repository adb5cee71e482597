"""The state folder: where keys, streams, blobs, the audit log and toolboxes of a service live."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

PRIVATE: Final = 0o700
KEY_SIZE: Final = 32
_PAUSE_S: Final = 0.01


class NotRunningError(Exception):
    """No service runs with this state folder."""


class BusyError(Exception):
    """Another service runs with this state folder."""


class StateFolder(NamedTuple):
    """The paths of a service's state."""

    root: Path

    @property
    def keys(self) -> Path:
        """Seeds of all identities, the engine's key, the audit log's key."""
        return self.root / "keys"

    @property
    def nats(self) -> Path:
        """The embedded server's configuration, store and log."""
        return self.root / "nats"

    @property
    def blobs(self) -> Path:
        """The content-addressed store."""
        return self.root / "blobs"

    @property
    def audit(self) -> Path:
        """The transparency log; may be read by anybody."""
        return self.root / "audit"

    @property
    def jobs(self) -> Path:
        """Folders of runs under way."""
        return self.root / "jobs"

    @property
    def tools(self) -> Path:
        """Toolboxes."""
        return self.root / "tools"

    @property
    def doors(self) -> Path:
        """Sockets by which bots reach the host."""
        return self.root / "doors"

    @property
    def address(self) -> Path:
        """Where the running service says how to reach it."""
        return self.root / "run.json"

    def prepare(self) -> None:
        """Make the folder, for its owner only."""
        self.root.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        for folder in (self.keys, self.jobs, self.doors):
            folder.mkdir(exist_ok=True, mode=PRIVATE)

    def engine_key(self) -> bytes:
        """The secret from which event ids are made; made on first use."""
        path = self.keys / "engine.key"
        if not path.exists():
            partial = path.with_suffix(".part")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(KEY_SIZE))
            partial.replace(path)
        return path.read_bytes()

    def running(self) -> dict[str, Any]:
        """How to reach the service that runs with this folder.

        Raises:
            NotRunningError: none does.
        """
        try:
            said: dict[str, Any] = json.loads(self.address.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NotRunningError(_nobody(self.root)) from error
        try:
            with Lock(self, tries=1):
                raise NotRunningError(_nobody(self.root))  # what stands there is of one long dead
        except BusyError:
            return said


def _nobody(root: Path) -> str:
    return f"no service runs with {root}; start one with `lotabots run`"


class Lock:
    """Only one service may own a state folder; others can join it.

    A command that looks whether a service runs holds the lock for a moment, hence several `tries`.
    """

    def __init__(self, folder: StateFolder, *, tries: int = 20) -> None:
        self._folder = folder
        self._tries = tries
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            BusyError: another service has it.
        """
        path = self._folder.root / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(self._tries - 1):
            if self._taken():
                return self
            time.sleep(_PAUSE_S)
        if not self._taken():
            os.close(self._descriptor)
            raise BusyError(f"a service already runs with {self._folder.root}; join it with --join")
        return self

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def __exit__(self, *exc: object) -> None:
        """Let go of it."""
        os.close(self._descriptor)
