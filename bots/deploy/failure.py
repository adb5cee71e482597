"""The ways in which a deployment does not come to its end. Each is the `outcome` of its result."""

from __future__ import annotations


class StoppedError(Exception):
    """The release named is not put in service; `outcome` says what kind of end this is."""

    outcome = "error"


class UnfitError(StoppedError):
    """Nothing could be found out: the artifact, the tools or the host were not as they must be."""


class LostError(UnfitError):
    """The host gave no answer, so it is not known whether it did what was asked."""


class BadError(StoppedError):
    """The release was looked at, and is bad."""

    outcome = "failure"


class MootError(StoppedError):
    """What was asked for has no object any more."""

    outcome = "cancel"
