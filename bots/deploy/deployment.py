"""Puts a new release in service: installed, started beside the old one, looked at, switched to."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import installing
import wheel
from failure import BadError, MootError, UnfitError
from task import Done, Task

if TYPE_CHECKING:
    from host import Release, Status

AFTER_INSTALL_S = 120.0
"""What starting, checking, switching and giving up may take together."""


class Deployment(Task):
    """The action `deploy`."""

    begun = False
    """Whether the host may have made a release of this job."""

    def attempt(self) -> Done:
        """Install, start, look, switch; or go on where an earlier attempt of this job ended."""
        artifact = self.payload["artifact"]
        self.incoming = Path(self.paths["places"][f"releases:{self.payload['environment']}"])
        installing.clear(self.incoming)
        with self.step("verify"):
            path = self.paths["artifacts"].get(artifact["digest"])
            if path is None:
                raise UnfitError("the artifact is not there")
            wheel.verify(Path(path), artifact["digest"])
        before = self.ask_status()
        mine = before.made_by(self.key)
        if mine is not None:
            return self._resume(mine, before)
        release = self._release(Path(path))
        self.check(release)
        previous = self.promote(release, before.active)
        return Done(release, previous, release)

    def abandon(self, reason: str) -> None:
        """Have the release that this job made stopped for good, unless it is in service."""
        mine = self.ask_status().made_by(self.key) if self.begun else None
        if mine is not None and not mine.promoted and mine.state != "discarded":
            self.host.discard(mine.name, reason=reason, job=self.key)

    def _resume(self, mine: Release, known: Status) -> Done:
        """Finish what an earlier attempt of this job began. Nothing is done twice."""
        if mine.state == "active":
            try:
                self.check(mine.name)
            except BadError as error:
                raise BadError(
                    f"`{mine.name}`, in service already, is not well: {error}"
                ) from error
            return Done(mine.name, known.back, mine.name)
        if mine.state == "discarded":
            raise BadError(f"an earlier attempt of this job discarded it: {mine.reason}")
        if mine.promoted:
            raise MootError(f"`{mine.name}`, which this job put in service, is `{mine.state}` now")
        # The same job gets the release that it made, running; nothing is installed again.
        release = self._hand_over(installing.folder(self.key))
        self.check(release)
        return Done(release, self.promote(release, known.active), release)

    def _release(self, path: Path) -> str:
        """Install the artifact and have it started."""
        wheelhouse = Path(self.paths["places"]["wheelhouse"])
        folder = self.incoming / installing.folder(self.key)
        scratch = self.incoming / installing.scratch(self.key)
        sys.path.append(str(self.tools))
        try:
            with self.step("install"):
                supply = wheel.Supply(wheelhouse)
                first = supply.wheel(path, self.payload["artifact"]["name"])
                self.parts = installing.install(
                    supply.closure(first),
                    folder,
                    tools=self.tools,
                    beside=scratch,
                    until=max(self.end - AFTER_INSTALL_S, time.monotonic() + 1),
                )
                if self.payload["artifact"]["digest"] not in {one.digest for one in self.parts}:
                    raise UnfitError("what was installed is not the artifact that was approved")
            return self._hand_over(folder.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)  # of no use any more, whatever came of it

    def _hand_over(self, folder: str) -> str:
        self.begun = True
        with self.step("start"):
            return self.host.release(
                folder,
                artifact=self.payload["artifact"]["digest"],
                change=self.payload["change"]["id"],
                job=self.key,
            )
