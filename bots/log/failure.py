"""Why a job has no result."""

from __future__ import annotations


class NothingError(Exception):
    """There is nothing to look at; a result that looked at nothing would say that all is well."""


class QueryError(Exception):
    """What was asked for cannot be understood; it stays so however often it is tried."""


class LaterError(Exception):
    """The index is busy, or was cut off while it was written; another attempt may find it ready."""


class StoreError(Exception):
    """The index is not as it was left, or none of ours. It is left as it is, for a person."""
