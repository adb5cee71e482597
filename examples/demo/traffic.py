"""Customers of the shop: light traffic through production's front, every answer of which counts."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RUSH_S, CALM_S = 0.02, 0.08
"""How long a customer thinks; customers come in waves."""

WAVE_S = 1.5
CUSTOMERS = 4
TIMEOUT_S = 20
WINDOW = 20
GOODS = ("apple", "bread", "cheese", "dates", "eggs", "flour")


class Answer(NamedTuple):
    """When a request was sent (monotonic), how long it took, and what came back (0: nothing)."""

    at: float
    seconds: float
    status: int
    reason: str = ""

    @property
    def lost(self) -> bool:
        """Whether a customer went without."""
        return not http.HTTPStatus.OK <= self.status < http.HTTPStatus.MULTIPLE_CHOICES


@dataclass
class Customers:
    """Who comes to the shop, and what answers they got."""

    port: int
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def lost(self) -> list[Answer]:
        """The requests that did not get what they should."""
        return [answer for answer in self.answers if answer.lost]

    def summary(self) -> str:
        """The traffic up to now in a few words."""
        recent = sorted(answer.seconds for answer in self.answers[-WINDOW:])
        typical = recent[len(recent) // 2] * 1000 if recent else 0
        return (
            f"customers: {len(self.answers)} requests, {len(self.lost)} lost; "
            f"now {typical:.0f} ms each"
        )

    @contextmanager
    def shopping(self) -> Iterator[None]:
        """Some customers for as long as the context lasts."""
        threads = [
            threading.Thread(target=self._shop, args=(number % 2 == 0,), daemon=True)
            for number in range(CUSTOMERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(TIMEOUT_S)

    def _shop(self, keep: bool) -> None:
        """Ask for prices and totals; every other customer keeps the connection."""
        connection = self._connection()
        for number in count():
            rush = int(time.monotonic() / WAVE_S) % 2
            if self._stop.wait(RUSH_S if rush else CALM_S):
                break
            self.answers.append(_asked(connection, number))
            if not keep or self.answers[-1].lost:
                connection.close()
                connection = self._connection()
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)


def _asked(connection: http.client.HTTPConnection, number: int) -> Answer:
    cart = {item: (number + place) % 9 + 1 for place, item in enumerate(GOODS)}
    begin = time.monotonic()
    try:
        if number % 3:
            connection.request("POST", "/total", json.dumps(cart))
        else:
            connection.request("GET", "/prices")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(begin, time.monotonic() - begin, 0, repr(error))
    return Answer(begin, time.monotonic() - begin, answer.status)
