"""Why a job has no result."""

from __future__ import annotations


class NothingError(Exception):
    """There is nothing that the job could be about; another attempt finds nothing either."""


class LaterError(Exception):
    """What the job is about is not there yet, or is busy; another attempt may find it."""


class StoreError(Exception):
    """The store is not one of ours, or is damaged. It is left as it is, for a person."""
