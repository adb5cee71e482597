"""Why somebody was not told."""

from __future__ import annotations


class TableError(Exception):
    """The table of channels and routes cannot be used; nobody was told anything."""


class UndeliveredError(Exception):
    """A receiver did not take a message.

    `final` if it said so for good; otherwise another attempt may succeed.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def unreachable(destination: str, error: OSError | EOFError) -> UndeliveredError:
    """A network error in words. A relay that leads nowhere looks like a server that hangs up."""
    verify = getattr(error, "verify_message", "")
    if verify:
        return UndeliveredError(f"the certificate of `{destination}` is not trusted: {verify}")
    if isinstance(error, TimeoutError):
        return UndeliveredError(f"`{destination}` does not answer in time")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    cure = "; is it up, and does its relay lead there?"
    return UndeliveredError(f"`{destination}` cannot be reached ({said}){cure}")
