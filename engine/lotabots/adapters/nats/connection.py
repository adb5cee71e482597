"""One connection for one identity, and the set-up of streams and consumers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

import nats

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

    from lotabots.policy.project_broker import Consumer, Stream

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # quiet in commands, which have no log of their own

PIN_GROUP: Final = "one"
PIN_TIMEOUT_S: Final = 2
_API_TIMEOUT_S: Final = 5.0
_NO_SUCH: Final = (10014, 10059)
"""JetStream error codes: consumer not found, stream not found."""


class SetupError(Exception):
    """The server refused a stream or a consumer; the message names it."""


async def connect(
    url: str,
    *,
    user: str,
    seed: str,
    on_reconnect: Callable[[], Awaitable[None]] | None = None,
    patient: bool = True,
) -> Client:
    """Connect as `user` with the nkey `seed`; inboxes are under its own prefix.

    Tries for ever, now and whenever the connection breaks; if not `patient` only once, and what
    went wrong is raised.

    A refused publish is told by the server asynchronously and only to the log: nothing in the
    engine relies on it, since every publish that matters is acknowledged.
    """

    async def note(error: Exception) -> None:
        log.warning("nats", extra={"user": user, "error": str(error)})

    async def back() -> None:
        if on_reconnect is not None:
            await on_reconnect()

    return await nats.connect(
        url,
        name=f"lotabots {user}",
        nkeys_seed_str=seed,
        inbox_prefix=f"_INBOX_{user}".encode(),
        error_cb=note,
        reconnected_cb=back,
        max_reconnect_attempts=-1 if patient else 1,  # 0 is for ever too
        reconnect_time_wait=0.1,
        connect_timeout=5,
        allow_reconnect=patient,
    )


async def settle(client: Client, *, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - the client's
    """Wait until the server has done all that `client` sent, and has told what it refused.

    Twice, because the client's first ping may overtake what waits to be sent.

    Raises:
        FlushTimeoutError: it does not answer within `timeout` seconds.
    """
    for _ in range(2):
        await client.flush(timeout)  # type: ignore[arg-type] # it takes any number


async def may_publish(client: Client, subject: str) -> bool:
    """Whether the server takes a message from `client` on `subject`; no stream keeps the trial.

    Only for a client that nobody else uses at the time: refusals do not name a request.
    """
    before = client.last_error
    await client.publish(subject, b"{}", headers={"Nats-Expected-Stream": "NONE"})
    await settle(client)
    return client.last_error is before


async def set_up(
    admin: Client, streams: tuple[Stream, ...], consumers: tuple[Consumer, ...]
) -> None:
    """Create what is missing and bring the rest up to date.

    Raises:
        SetupError: the server refuses one.
    """
    for stream in streams:
        await _apply(admin, "STREAM", stream.name, _stream_config(stream))
    for consumer in consumers:
        name = f"{consumer.stream}.{consumer.name}"
        request = {"stream_name": consumer.stream, "config": _consumer_config(consumer)}
        answer = await _api(admin, f"CONSUMER.CREATE.{name}", request)
        _refuse(answer, f"consumer {name}")


async def _apply(admin: Client, kind: str, name: str, config: dict[str, Any]) -> None:
    present = await _api(admin, f"{kind}.INFO.{name}", {})
    error = present.get("error")
    if error is not None and error.get("err_code") not in _NO_SUCH:
        _refuse(present, name)
    verb = "CREATE" if error is not None else "UPDATE"
    if verb == "UPDATE":
        # A field left out of an update is set to its default, so start from what there is.
        config = present["config"] | config
    _refuse(await _api(admin, f"{kind}.{verb}.{name}", config), f"stream {name}")


async def _api(admin: Client, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.request(
        f"$JS.API.{verb}", msgspec.json.encode(request), timeout=_API_TIMEOUT_S
    )
    decoded: dict[str, Any] = msgspec.json.decode(answer.data)
    return decoded


def _refuse(answer: dict[str, Any], what: str) -> None:
    error = answer.get("error")
    if error is not None:
        raise SetupError(f"{what}: {error.get('description')} ({error.get('err_code')})")


def _stream_config(stream: Stream) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": "workqueue" if stream.work_queue else "limits",
        "storage": "file",
        "max_age": stream.max_age * 1_000_000_000,
        "duplicate_window": 120 * 1_000_000_000,
        "discard": "old",
        "num_replicas": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": stream.max_per_subject,
        "allow_direct": True,
    }
    if stream.max_per_subject > 0:
        config |= {"discard": "new", "discard_new_per_subject": True}
    if stream.newest:
        config |= {"max_msgs_per_subject": 1}
    if stream.kept:
        config |= {"deny_delete": True, "deny_purge": True}
    if stream.schedules:
        config |= {"allow_msg_schedules": True, "allow_msg_ttl": True, "allow_rollup_hdrs": True}
    if stream.sources:
        config |= {"sources": [{"name": name} for name in stream.sources], "compression": "s2"}
    return config


def _consumer_config(consumer: Consumer) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": consumer.name,
        "durable_name": consumer.name,
        "filter_subject": consumer.filter,
        "ack_policy": "explicit",
        "ack_wait": consumer.lease * 1_000_000_000,
        "max_deliver": -1,
        "max_ack_pending": consumer.max_pending,
        "deliver_policy": "all",
        "replay_policy": "instant",
    }
    if consumer.pinned:
        config |= {
            "priority_groups": [PIN_GROUP],
            "priority_policy": "pinned_client",
            "priority_timeout": PIN_TIMEOUT_S * 1_000_000_000,
        }
    return config
