"""Withdraws a release: the one that was in service before it is looked at and switched to."""

from __future__ import annotations

from failure import BadError, MootError, UnfitError
from task import Done, Task

NO_REASON = "no reason given"
MAX_REASON = 200
"""In characters: the host keeps a thousand bytes, and the job must be among them."""


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
        if known.active is not None and found.reason.endswith(f" (job {self.key})"):
            # An earlier attempt of this job did it, and was not heard of.
            self.check(known.active)
            return Done(bad, known.active, known.active)
        if known.active != bad:
            raise MootError(f"`{bad}` is not in service any more: {known.active or 'nothing'} is")
        return Done(bad, *self._go_back(bad, known.back))

    def _go_back(self, bad: str, target: str | None) -> tuple[str, str]:
        """Look at the release to return to, and put it in service."""
        if target is None:
            raise UnfitError(f"there is no release before `{bad}` to go back to")
        with self.step("start"):
            self.host.start(target, job=self.key)
        try:
            self.check(target)
        except BadError as error:
            raise BadError(f"`{bad}` stays in service, `{target}` is no better: {error}") from error
        self.promote(target, bad, withdraw=bad, reason=self._reason())
        return target, target

    def _reason(self) -> str:
        """Why, and for which job: so that another attempt of it knows its own work again."""
        reason = self._line(self.payload.get("reason", NO_REASON))[:MAX_REASON]
        return f"{reason} (job {self.key})"
