"""Why a job has no result."""

from __future__ import annotations


class NothingError(Exception):
    """Nothing could be checked; a result that checked nothing would say that all is well."""


class LaterError(Exception):
    """The state does not reach the event that is to be checked; a later one will."""
