"""One message has one time, whether it is delivered or looked up."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from nats.aio.msg import Msg

from lotabots.adapters.nats.delivery import delivery_of, stored_of

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fraction", "micros"),
    [("", 0), (".5", 500_000), (".000001", 1), (".0000019", 1), (".999999999", 999_999)],
)
def test_the_time_is_that_of_the_microsecond_below(fraction: str, micros: int) -> None:
    nanos = int(AT.timestamp()) * 10**9 + int(fraction[1:].ljust(9, "0"))
    reply = f"$JS.ACK.LB_AUDIT.WRITER.1.7.7.{nanos}.0"
    delivered = delivery_of(Msg(_client=None, subject="lb.dec.x", reply=reply, data=b"{}"))  # type: ignore[arg-type] - it is not asked
    said = {"subject": "lb.dec.x", "data": b64encode(b"{}").decode(), "seq": 7}
    looked_up = stored_of(said | {"time": f"2026-03-01T12:00:00{fraction}Z"})
    assert delivered.stored_at == looked_up.stored_at == AT.replace(microsecond=micros)
