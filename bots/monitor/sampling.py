"""How busy the hosted services are: two readings of what the front has counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from failure import NothingError
from prometheus import Counters
from task import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from door import Door, Target
    from prometheus import Key
    from task import Task

MOMENT_S = 2.0


def sample(_task: Task, door: Door) -> Iterator[Line]:
    """A `metrics.sampled` for every service that the host runs."""
    targets = door.targets()
    if not targets:
        raise NothingError("the host has no targets; configure `services` or `targets`")
    before, began = door.metrics(), time.monotonic()
    time.sleep(MOMENT_S)
    after = door.metrics()
    elapsed = time.monotonic() - began
    for target in hosted(targets):
        yield Line(
            "metrics.sampled",
            {
                "service": target.service,
                "environment": target.environment,
                "instances": target.instances,
                "utilization": utilization(target, before, after, elapsed),
            },
        )


def hosted(targets: Iterable[Target]) -> list[Target]:
    """One target for each service that the host runs instances of, and knows the capacity of."""
    running = [one for one in targets if one.release and one.instances and one.capacity]
    return list({(one.service, one.environment): one for one in running}.values())


def utilization(
    target: Target, before: Mapping[Key, Counters], after: Mapping[Key, Counters], elapsed: float
) -> float:
    """Requests a second and instance, as a share of what an instance is meant to serve."""
    requests = 0
    for key, counters in after.items():
        if key[:2] == (target.service, target.environment):
            # Less than before: the host began anew, and so did its counters.
            requests += max(0, counters.requests - before.get(key, Counters()).requests)
    return requests / elapsed / target.instances / target.capacity
