"""How much a client or a release may cost the front: sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of one front. The defaults fit services with small answers on one host.

    INVARIANT: every wait of a request is below one of the times, so that a drain ends.
    """

    connections: int = 1024
    """Open connections of clients; one more is answered 503 and closed."""

    per_instance: int = 32
    """Connections to one instance at once, besides that for probes; more requests wait."""

    waiting: int = 512
    """Requests that wait for a connection to an instance; one more is answered 503."""

    wait_s: float = 10.0
    """How long a request waits; then it is answered 503."""

    line: int = 8 * 1024
    """The first line of a request or answer, and each line of its header."""

    header: int = 32 * 1024
    """All lines of a header together."""

    headers: int = 100
    """Lines of a header."""

    body: int = 10 * 1024 * 1024
    """The body of a request; answers may be of any size."""

    idle_s: float = 60.0
    """How long a connection may take for the header of its next request, from the first on."""

    connect_s: float = 2.0
    """Until a release has accepted a connection."""

    upload_s: float = 60.0
    """Until the client has sent the body of a request and the release has taken it."""

    answer_s: float = 30.0
    """From the end of a request until the header of the release's answer."""

    stall_s: float = 30.0
    """Between two pieces of an answer, whoever is slow: the release or the client."""

    linger_s: float = 2.0
    """How long what is left of a refused body is read, so that the client sees the answer."""

    total_s: float = 300.0
    """For the whole of a request."""

    drain_s: float = 30.0
    """How long requests under way on releases that are no longer served may take to their end."""
