"""How questions and orders are answered: JSON in, JSON out, and what went wrong in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    Asked = TypeVar("Asked")

VERSION: Final = 1
"""Of the answers; a later one may have more members."""


class UnknownIdError(Exception):
    """Nothing is called so."""


class RefusedError(Exception):
    """What was asked for is not done; the message says the cure."""


async def respond(
    client: Client,
    message: Msg,
    *,
    form: type[Asked],
    verbs: Mapping[str, Callable[[Asked], Awaitable[Any]]],
) -> None:
    """Answer `message` by the verb that its subject ends with; its body is a `form`."""
    verb = message.subject.rpartition(".")[2]
    try:
        asked = msgspec.json.decode(message.data or b"{}", type=form)
        answer = {"ok": await verbs[verb](asked)}
    except UnknownIdError as error:
        answer = {"unknown": str(error)}
    except KeyError:
        answer = {"error": f"no such question: {verb[:32]}"}
    except (BusError, RefusedError, msgspec.MsgspecError) as error:
        answer = {"error": str(error)}
    if message.reply:
        await client.publish(message.reply, _ENCODER.encode(answer))


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
"""Values of keys are as exact as they came."""
