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

MAX_ASKED: Final = 16 * 1024
"""Bytes of a question or an order: far more than anybody needs to say."""


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
        answer = {"ok": await verbs[verb](_read(message.data, form))}
    except UnknownIdError as error:
        answer = {"unknown": str(error)}
    except KeyError:
        answer = {"error": f"no such question: {verb[:32]}"}
    except (BusError, RefusedError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        answer = {"error": str(error)}
    if message.reply:
        await client.publish(message.reply, _fitting(answer, client.max_payload))


def _read(data: bytes, form: type[Asked]) -> Asked:
    if len(data) > MAX_ASKED:
        raise RefusedError(f"a question or an order has at most {MAX_ASKED} bytes")
    return msgspec.json.decode(data or b"{}", type=form)


def _fitting(answer: dict[str, Any], most: int) -> bytes:
    """`answer` as it is sent; one that the server would not take is said to be so."""
    body = _ENCODER.encode(answer)
    if len(body) <= most:
        return body
    said = f"the answer has {len(body)} bytes, more than the server takes at once ({most})"
    return _ENCODER.encode({"error": said})


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
"""Values of keys are as exact as they came."""
