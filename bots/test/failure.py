"""Why there is no verdict about a commit."""

from __future__ import annotations


class UnfitError(Exception):
    """The tests could not be run, or what they said cannot be believed: an error, no failure."""
