"""Brings a service to the number of instances that it needs, as a lease."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import samples
from door import Door
from failure import RefusedError, ScarceError, StoppedError, UnfitError
from host import Host
from samples import Place
from task import Line
from wanted import Sample, given_back, grown, is_sound, needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from host import Scaled, Status
    from task import Task

MAX_REASON = 1000


def scale(task: Task) -> Iterator[Line]:
    """A `scale.completed` or a `scale.failed`; what is there is leased again either way."""
    try:
        yield _scaled(task)
    except StoppedError as error:
        reason = " ".join(str(error).split())[:MAX_REASON]
        yield Line("scale.failed", {"outcome": error.outcome, "reason": reason})


def _scaled(task: Task) -> Line:
    place, sample = _asked(task)
    host = Host(Door(task.relay, until=task.until), *place)
    status = host.status()
    wish = _wish(task, place, sample, status)
    done = _lease(task, host, min(max(wish, status.least), status.most), status)
    if wish > status.most <= status.wanted:
        raise ScarceError(
            f"{needed(sample, task.policy)} instances are needed, and {status.most} are all "
            "that `instances` of the service allows"
        )
    payload = {
        "outcome": "success",
        "from": done.before,
        "to": done.after,
        "metric": "utilization",
        "value": sample.utilization,
        "target": 1,
    }
    return Line("scale.completed", payload | ({"lease_until": done.until} if done.until else {}))


def _asked(task: Task) -> tuple[Place, Sample]:
    payload = task.payload
    if not is_sound(payload.get("instances"), payload.get("utilization")):
        raise UnfitError("the request does not say how busy how many instances were")
    place = Place(payload["service"], payload["environment"])
    return place, Sample(task.at, payload["instances"], payload["utilization"])


def _lease(task: Task, host: Host, wish: int, status: Status) -> Scaled:
    """Ask for a number; where the host refuses more, for what is there, lest that runs out too."""
    try:
        return host.scale(wish, job=task.key, for_s=task.policy.lease_s)
    except RefusedError:
        if wish > status.wanted:
            with suppress(UnfitError):
                host.scale(status.wanted, job=task.key, for_s=task.policy.lease_s)
        raise


def _wish(task: Task, place: Place, sample: Sample, status: Status) -> int:
    """How many instances there should be, whatever the bounds are.

    It comes from what was measured, not from what is there now: done again, it is the same.
    """
    if task.payload["direction"] == "up":
        return max(grown(sample, task.policy), status.wanted)
    if task.payload["direction"] == "down":
        first = task.at - task.policy.window_s
        recent = samples.between(task.state, place, first, task.at)
        return min(given_back(sample, recent, task.policy), status.wanted)
    return status.wanted
