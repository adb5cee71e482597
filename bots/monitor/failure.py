"""Why nothing can be said about what is monitored."""

from __future__ import annotations


class DoorError(Exception):
    """The door of the host gave no answer that can be used; it may give one later."""


class LateError(DoorError):
    """The door took too long; what it was to look at may be to blame."""


class NothingError(Exception):
    """There is nothing to look at; a result that looked at nothing would say that all is well."""
