"""What the loops need of the world, as small protocols and the values that cross them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from lotabots.policy.contract import Artifact, Job, StoredArtifact

    OnLine = Callable[[bytes, "Keep"], Awaitable[None]]

WRONG_LAST_SEQUENCE: Final = 10071
"""JetStream's error for an expected last sequence that is another one: somebody wrote first."""

QUEUE_FULL: Final = 10077
"""JetStream's error for a subject that holds as many messages as it may."""

ONLY_FIRST: Final = {"Nats-Expected-Last-Subject-Sequence": "0"}
"""Headers of a message that may only be the first on its subject."""


class Outgoing(NamedTuple):
    """A message to publish."""

    subject: str
    body: bytes
    headers: Mapping[str, str] | None = None


class AckError(Struct):
    """Why the server did not store a message."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class Ack(Struct):
    """What the server said about a published message; `error` is None when it is stored."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: AckError | None = None

    @property
    def stored(self) -> bool:
        """Whether the message is in the stream, now or since an earlier try."""
        return self.error is None

    @property
    def conflict(self) -> bool:
        """Whether somebody else wrote first."""
        return self.error is not None and self.error.err_code == WRONG_LAST_SEQUENCE

    @property
    def full(self) -> bool:
        """Whether the queue holds as much as it may; the message has to wait outside."""
        return self.error is not None and self.error.err_code == QUEUE_FULL


class BusError(Exception):
    """The server did not answer in time, or refused a message for a reason of its own.

    Nothing is known about the messages then; all of ours can safely be published again.
    """


class Delivery(NamedTuple):
    """A message of a stream, leased to us until it is acknowledged.

    `sequence` and `stored_at` are the stream's; `delivered` counts deliveries from 1.
    """

    subject: str
    body: bytes
    headers: Mapping[str, str]
    stream: str
    sequence: int
    delivered: int
    stored_at: datetime
    reply: str


class Stored(NamedTuple):
    """A message as a stream holds it."""

    subject: str
    body: bytes
    headers: Mapping[str, str]
    sequence: int
    stored_at: datetime


class Publishes(Protocol):
    """Publishes messages and learns what became of each."""

    async def publish_all(self, messages: Sequence[Outgoing], /) -> list[Ack]:
        """Publish all; answers in the same order, conflicts and full queues among them.

        Raises:
            BusError: an answer is missing or unexpected.
        """
        ...


class Inlet(Protocol):
    """Deliveries of one durable consumer."""

    async def take(self, limit: int, /) -> list[Delivery]:
        """Up to `limit` deliveries; waits for the first."""
        ...

    async def ack(self, deliveries: Sequence[Delivery], /) -> None:
        """These are done. A lost acknowledgement means another delivery, never a loss."""
        ...

    async def working(self, delivery: Delivery, /) -> None:
        """Keep the lease of `delivery`."""
        ...

    async def later(self, delivery: Delivery, seconds: float, /) -> None:
        """Give `delivery` back, to come again after `seconds`."""
        ...

    def unsettled(self, seconds: float, /) -> bool:
        """Whether the connection was made, or made anew, less than `seconds` ago.

        The server may have been killed then, and have forgotten which leases it gave: what it
        delivers again may be at work elsewhere.
        """
        ...


class Reads(Protocol):
    """Looks up what streams hold."""

    async def last(self, stream: str, subject: str, /) -> Stored | None:
        """The newest message of `stream` on `subject` (wildcards work), if there is one.

        Raises:
            BusError: no answer.
        """
        ...


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The current time, with a zone."""
        ...


class KeepError(Exception):
    """A file that a run hands over cannot be kept: it is missing, too large, or no plain file."""


class Keep(Protocol):
    """Moves a file of a run's output folder into the content-addressed store, while it runs."""

    async def __call__(self, artifact: Artifact, /) -> StoredArtifact:
        """Store `artifact`.

        Raises:
            KeepError: it is not a plain file below the output folder, or too large.
        """
        ...


class RunReport(Struct, frozen=True, kw_only=True):
    """How a run ended.

    `status` is the program's exit status, 128+N after signal N. `limit` names the limit that
    ended it, `refused` says why it did not start. `log` is the digest of its bounded standard
    error, `tool` that of its toolbox; times are seconds. `entries` are the sandbox's own lines.
    """

    status: int
    limit: str = ""
    refused: str = ""
    log: str = ""
    tool: str = ""
    level: str = ""
    duration_s: float = 0.0
    entries: tuple[Mapping[str, object], ...] = ()


class Executor(Protocol):
    """Runs jobs, each in a sandbox of its own."""

    def refusal(self, bot: str, action: str, /) -> str:
        """Why this action cannot be run here; empty if it can."""
        ...

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        """Run one attempt of `job`; every line of its output is given to `on_line` as it comes.

        Whatever happens, also when cancelled, no process and no folder of the run is left. An
        exception of `on_line` ends the run and is raised.
        """
        ...
