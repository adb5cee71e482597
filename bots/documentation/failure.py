"""Why a job has no result."""

from __future__ import annotations


class UnfitError(Exception):
    """Nothing that could be believed was found out: the job is an error, and emits no result."""
