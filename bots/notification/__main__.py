"""NotificationBot: tells people, by mail and by webhook, what the rules say they should hear.

Reads one job as JSON from standard input, writes one event per line to standard output. It decides
nothing: texts are in `templates`, servers and receivers in the table that it is granted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mail
import table
import template
import webhook
import wording
from failure import TableError, UndeliveredError
from record import Record, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from table import Channel, Delivery

MAIL_SECRET, CHAT_SECRET = "smtp", "chat"
TRY_AGAIN = 75
ANSWER_S = 10
SPARE_S = 5
MAX_ERROR = 1000
SHORT = 12


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin, parse_float=Decimal)
    places = {name: Path(path) for name, path in job["paths"]["places"].items()}
    try:
        known = table.read(places["channels"], job["paths"]["relays"])
        told = known.deliveries(job["event"])
    except TableError as error:
        sys.exit(f"nobody was told: {error}")
    record = Record(places["state"], job["idempotency_key"])
    mailing = Mailing(job, told, record)
    mailing.run(until=started + float(job["timeout_s"]) - SPARE_S)
    payload = mailing.payload()
    emit("notification.sent", payload)
    # What could not be delivered is tried again: only there, the others are on the record.
    os._exit(TRY_AGAIN if payload["outcome"] == "error" else 0)  # late threads do not matter


class Mailing:
    """The deliveries of one notification, each channel by itself: one that hangs holds no other."""

    def __init__(self, job: dict[str, Any], told: tuple[Delivery, ...], record: Record) -> None:
        self._key = job["idempotency_key"]
        self._event = job["event"]
        self._notice = template.render(self._event)
        self._told = told
        self._record = record
        known = record.read()
        said = {one: known.get((one.channel.name, one.to)) for one in told}
        self._results = {one: result for one, result in said.items() if result is not None}

    def run(self, *, until: float) -> None:
        """Deliver what has no last word yet, until `until` (of the monotonic clock) at most."""
        open_ = [one for one in self._told if one not in self._results]
        threads = [
            threading.Thread(target=self._channel, args=(channel, open_), daemon=True)
            for channel in dict.fromkeys(one.channel for one in open_)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0, until - time.monotonic()))

    def payload(self) -> dict[str, Any]:
        """What `notification.sent` says."""
        late = Result("failed", 0, "it was not over in time")
        results = {one: self._results.get(one, late) for one in self._told}
        statuses = {result.status for result in results.values()}
        outcome = "error" if "failed" in statuses else "failure" if "refused" in statuses else ""
        return {
            "notification_id": self._key,
            "outcome": outcome or "success",
            "checked": len(results),
            "deliveries": [_row(one, result) for one, result in results.items()],
        }

    def _channel(self, channel: Channel, deliveries: list[Delivery]) -> None:
        mine = [one for one in deliveries if one.channel == channel]
        if not channel.sender:
            for one in mine:
                self._deliver(one, self._post)
            return
        secret = os.environ[MAIL_SECRET]
        session = mail.Session(channel, secret, timeout=ANSWER_S)
        for one in mine:
            self._deliver(one, lambda delivery: self._mail(session, delivery))
        session.close()

    def _deliver(self, one: Delivery, send: Callable[[Delivery], None]) -> None:
        began = time.monotonic()
        status, error = "delivered", ""
        try:
            send(one)
        except UndeliveredError as undelivered:
            status = "refused" if undelivered.final else "failed"
            error = wording.line(str(undelivered), MAX_ERROR)
        result = Result(status, round((time.monotonic() - began) * 1000), error)
        if status != "failed":
            self._record.add(one.channel.name, one.to, result)
        self._results[one] = result

    def _mail(self, session: mail.Session, one: Delivery) -> None:
        sender = one.channel.sender
        message = mail.compose(self._notice, self._event, sender=sender, to=one.to, key=self._key)
        session.send(one.to, message)

    def _post(self, one: Delivery) -> None:
        # A key of its own for each room: to the receiver these are different requests.
        name = sha256(f"{one.channel.name}\0{one.to}".encode()).hexdigest()[:SHORT]
        key = f"{self._key}-{name}"
        body = webhook.compose(self._notice, self._event, to=one.to, key=key)
        webhook.post(one.channel, body, key=key, secret=os.environ[CHAT_SECRET], timeout=ANSWER_S)


def emit(event: str, payload: dict[str, Any]) -> None:
    """One line of output."""
    data = json.dumps({"type": event, "payload": payload, "artifacts": []}).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _row(one: Delivery, result: Result) -> dict[str, Any]:
    row = {
        "channel": one.channel.name,
        "to": one.to,
        "status": result.status,
        "ms": result.ms,
    }
    return {**row, "error": result.error} if result.error else row


if __name__ == "__main__":
    main()
