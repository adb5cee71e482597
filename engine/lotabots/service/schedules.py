"""Brings the schedules that the server keeps to what the rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lotabots.adapters.nats.connection import SetupError
from lotabots.policy.project_broker import CRON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client

    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Outgoing

_TIMEOUT_S = 5.0


async def keep_schedules(admin: Client, ledger: Ledger, wanted: Sequence[Outgoing]) -> None:
    """Add the schedules that are missing and remove those that no rule has any more.

    One that is there stays untouched: its subject says what it does and when, and to publish it
    again could skip a due time.

    Raises:
        SetupError: the server refuses.
    """
    info = await _api(admin, f"STREAM.INFO.{CRON}", {"subjects_filter": "lb.cron.>"})
    present = set(info["state"].get("subjects") or {})
    for subject in sorted(present - {message.subject for message in wanted}):
        await _api(admin, f"STREAM.PURGE.{CRON}", {"filter": subject})
    await ledger.store([message for message in wanted if message.subject not in present])


async def _api(admin: Client, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.request(
        f"$JS.API.{verb}", msgspec.json.encode(request), timeout=_TIMEOUT_S
    )
    decoded: dict[str, Any] = msgspec.json.decode(answer.data)
    if error := decoded.get("error"):
        raise SetupError(f"{verb}: {error.get('description')} ({error.get('err_code')})")
    return decoded
