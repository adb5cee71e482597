"""How many instances there should be: the algorithm of Kubernetes' horizontal autoscaler.

Proportional to utilization, with a tolerance, a limit to growing, and a window in which the largest
number counts before anything is given back. Source: kubernetes.io, Horizontal Pod Autoscaling,
"Algorithm details" and "Configurable scaling behavior".
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy import Policy

ROUNDING = 1e-9
"""1.1 is not more than a tenth above 1, and 3 x 1.0000000000000002 is three."""

COVERED = 0.8
"""How much of the window must have been seen before anything is given back."""


class Sample(NamedTuple):
    """How busy a service was: `at` in seconds since 1970; utilization 1 is what is aimed at."""

    at: float
    instances: int
    utilization: float

    @property
    def load(self) -> float:
        """How many instances would have been exactly busy enough."""
        return self.instances * self.utilization


def needed(sample: Sample, policy: Policy) -> int:
    """What one sample alone asks for; at least one."""
    if abs(sample.utilization - 1) <= policy.tolerance + ROUNDING:
        return max(1, sample.instances)
    return max(1, ceil(sample.load - ROUNDING))


def grown(sample: Sample, policy: Policy) -> int:
    """What is asked for when there is too little: not too much at once."""
    most = max(policy.grow_factor * sample.instances, sample.instances + policy.grow_least)
    return min(needed(sample, policy), int(most))


def given_back(sample: Sample, recent: Sequence[Sample], policy: Policy) -> int:
    """What is enough for everything that the window saw; `recent` are the samples before.

    Whoever has not seen the window gives nothing back.
    """
    window = [one for one in recent if 0 <= sample.at - one.at <= policy.window_s]
    if not window or sample.at - window[0].at < COVERED * policy.window_s:
        return sample.instances
    most = max(needed(one, policy) for one in [*window, sample])
    return min(sample.instances, most)


def is_sound(instances: object, utilization: object) -> bool:
    """Whether these can be numbers of a sample."""
    return (
        type(instances) is int
        and type(utilization) in (int, float)
        and 1 <= instances <= 10**6
        and isfinite(utilization)
        and 0 <= utilization <= 10**6
    )
