"""Looking up single messages of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from nats.errors import Error as NatsError

from lotabots.adapters.nats.delivery import stored_of
from lotabots.adapters.nats.heeding import heeding
from lotabots.policy.project_broker import API, GUEST_API
from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from nats.aio.client import Client

    from lotabots.runtime.ports import Stored

NO_MESSAGE, NO_JETSTREAM = 10037, 10039
"""JetStream's errors for a message that is not there, and for an account without JetStream."""


class Reader:
    """Looks up the newest message of a subject.

    A client whose account has no JetStream of its own asks through its door to the core's.
    """

    def __init__(self, client: Client, *, timeout: float = 5.0) -> None:
        self._client = client
        self._timeout = timeout
        self._api = API

    async def last(self, stream: str, subject: str, /) -> Stored | None:
        """The newest message of `stream` on `subject`, if there is one.

        Raises:
            BusError: no answer, or the server refuses.
        """
        return await self._get(stream, {"last_by_subj": subject})

    async def following(self, stream: str, subject: str, sequence: int, /) -> Stored | None:
        """The first message on `subject` at or after `sequence`, if there is one.

        Raises:
            BusError: no answer, or the server refuses.
        """
        return await self._get(stream, {"next_by_subj": subject, "seq": sequence})

    async def _get(self, stream: str, request: dict[str, object]) -> Stored | None:
        found = await self._ask(stream, request)
        if _refused(found) == NO_JETSTREAM:
            self._api = GUEST_API
            found = await self._ask(stream, request)
        if _refused(found) == NO_MESSAGE:
            return None
        if "error" in found:
            raise BusError(f"looking up {stream}: {found['error'].get('description')}")
        return stored_of(found["message"])

    @heeding
    async def _ask(self, stream: str, request: dict[str, object]) -> dict[str, Any]:
        subject = f"{self._api}.STREAM.MSG.GET.{stream}"
        try:
            answer = await self._client.request(
                subject, msgspec.json.encode(request), timeout=self._timeout
            )
        except NatsError as error:
            raise BusError(f"looking up {stream}: {str(error) or 'no answer'}") from error
        found: dict[str, Any] = msgspec.json.decode(answer.data)
        return found


def _refused(answer: dict[str, Any]) -> int:
    """The error code of an answer of JetStream, 0 if it is none."""
    code: int = answer.get("error", {}).get("err_code", 0)
    return code
