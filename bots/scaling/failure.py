"""The ways in which a job of ScalingBot does not come to its end."""

from __future__ import annotations


class StoppedError(Exception):
    """The number of instances stays; `outcome` says what kind of end this is."""

    outcome = "error"


class UnfitError(StoppedError):
    """Nothing could be done: the policy, the notes or the host were not as they must be."""


class RefusedError(UnfitError):
    """The host said why it did not do what was asked, and did nothing."""


class LostError(UnfitError):
    """The host gave no answer, so it is not known whether it did what was asked."""


class ScarceError(StoppedError):
    """More is needed than the host may give."""

    outcome = "failure"


class NothingError(Exception):
    """There are no samples; a forecast from nothing would look like one."""
