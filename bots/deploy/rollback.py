"""Withdraws a release: the one that was in service before it is looked at and switched to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failure import BadError, MootError, UnfitError
from task import Done, Task

if TYPE_CHECKING:
    from host import Release, Status

NO_REASON = "no reason given"


class Rollback(Task):
    """The action `rollback`."""

    relay = "rollback"

    def attempt(self) -> Done:
        """Go back, unless the release named is not in service any more."""
        bad = self.payload.get("release")
        if bad is None:
            raise UnfitError("the event names no release to withdraw")
        known = self.ask_status()
        found = known.find(bad)
        if found is None:
            raise UnfitError(f"the host knows no release `{bad}`")
        if found.state == "withdrawn" and known.active is not None:
            return self._repeat(bad, known.active)
        if known.active != bad:
            raise MootError(f"`{bad}` is not in service any more: {known.active or 'nothing'} is")
        target = self._running(known, bad)
        try:
            self.check(target)
        except BadError as error:
            raise BadError(f"`{bad}` stays in service, `{target}` is no better: {error}") from error
        self.promote(target, bad, withdraw=bad, reason=self._reason())
        return Done(bad, target, target)

    def _repeat(self, bad: str, active: str) -> Done:
        """The same job gets the same answer; what another has done is not this job's work."""
        try:
            self.host.promote(active, job=self.key, withdraw=bad, reason=self._reason())
        except UnfitError as error:
            raise MootError(f"`{bad}` was withdrawn before; `{active}` is in service") from error
        self.check(active)
        return Done(bad, active, active)

    def _running(self, known: Status, bad: str) -> str:
        """The newest release before `bad` that was in service, started if it has to be."""
        older = known.before(bad)
        while older is not None:
            if older.state == "spare" or self._start(older):
                return older.name
            older = known.before(older.name)
        raise UnfitError(f"there is no release before `{bad}` to go back to")

    def _start(self, release: Release) -> bool:
        """Start it again; False if it was never in service."""
        with self.step("start"):
            return self.host.start(release.name, job=self.key)

    def _reason(self) -> str:
        return str(self.payload.get("reason", NO_REASON))
