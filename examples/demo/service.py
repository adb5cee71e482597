"""The service: started as a process of its own, asked and told things without starting more."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from interruption import undisturbed
from lotabots.adapters.nats.publisher import Publisher
from lotabots.cli.service import operator
from lotabots.runtime.ports import BusError, Outgoing
from lotabots.service.config import user_source
from lotabots.service.folder import StateFolder
from workspace import LOTABOTS, FailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nats.aio.client import Client

    from workspace import Workspace

PATIENCE_S = 60.0
POLL_S = 0.2
STOP_S = 30
ANSWER_S = 15.0

T = TypeVar("T")


class RefusedError(Exception):
    """The broker did not take an event."""


class Operator:
    """A person at the service: sends events as ``cli.<login name>``, asks what came of them."""

    def __init__(self, runner: asyncio.Runner, client: Client) -> None:
        self._runner, self._client = runner, client
        self.name = user_source()

    def ask(self, verb: str, ident: str = "") -> dict[str, Any] | None:
        """The service's answer; None if it knows nothing of `ident`."""
        said = self._runner.run(self._ask(verb, ident))
        if "error" in said:
            raise FailedError(f"the service says: {said['error']}")
        found: dict[str, Any] | None = said.get("ok")
        return found

    def trace(self, ident: str) -> list[dict[str, Any]]:
        """Everything that an event led to so far."""
        found = self.ask("trace", ident)
        return found["spans"] if found else []

    def emit(self, kind: str, payload: Mapping[str, Any], *, to: str = "*") -> str:
        """Send an event; its id.

        Raises:
            RefusedError: the broker does not take it from this person.
        """
        ident = str(uuid4())
        envelope = {
            "id": ident,
            "timestamp": datetime.now(UTC).isoformat(),
            "source": self.name,
            "destination": to,
            "type": kind,
            "payload": payload,
            "priority": "medium",
        }
        self._runner.run(self._send(Outgoing(f"ev.{kind}", json.dumps(envelope).encode())))
        return ident

    async def _ask(self, verb: str, ident: str) -> dict[str, Any]:
        question = json.dumps({"id": ident}).encode()
        answer = await self._client.request(f"api.{verb}", question, timeout=ANSWER_S)
        said: dict[str, Any] = json.loads(answer.data)
        return said

    async def _send(self, message: Outgoing) -> None:
        publisher = Publisher(self._client, timeout=3.0)
        await publisher.start()
        try:
            await publisher.publish(message)
        except BusError as error:
            raise RefusedError(str(self._client.last_error or error)) from None


class Running(NamedTuple):
    """A service that is ready."""

    line: str
    """What it says of itself."""

    url: str
    operator: Operator


@contextmanager
def running(workspace: Workspace, secrets: Mapping[str, str]) -> Iterator[Running]:
    """The service with all it starts, for as long as the context lasts.

    It is in a session of its own: Ctrl-C reaches us only, and we end it in order.
    """
    with ExitStack() as stack:
        with undisturbed(), workspace.log.open("w") as log:
            process = subprocess.Popen(
                [*LOTABOTS, "run", "-C", str(workspace.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **secrets},
                start_new_session=True,
            )
            stack.callback(_stop, process)
        until("the service is ready", lambda: _ready(workspace, process))
        folder = StateFolder(workspace.state)
        runner = stack.enter_context(asyncio.Runner())
        client = runner.run(operator(folder))
        stack.callback(lambda: runner.run(client.close()))
        line = _introduced(workspace.log.read_text().splitlines())
        yield Running(line, folder.running()["url"], Operator(runner, client))


def _ready(workspace: Workspace, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise FailedError(f"the service ended with {process.returncode}")
    return "\nready" in workspace.log.read_text()


def _introduced(lines: list[str]) -> str:
    """How the service introduces itself; a bot that cannot run here would spoil the story."""
    for at, line in enumerate(lines):
        if "cannot run here" in line:
            reasons = takewhile(lambda one: one.startswith("  "), lines[at + 1 :])
            raise FailedError("\n".join([line, *reasons]))
    return next(line for line in lines if line.startswith("lotabots serves"))


def _stop(process: subprocess.Popen[bytes]) -> None:
    with undisturbed():
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(what: str, ready: Callable[[], T | None], *, patience: float = PATIENCE_S) -> T:
    """What `ready` gives as soon as that is something.

    Raises:
        FailedError: that does not happen.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(POLL_S)
    raise FailedError(f"{what}: not within {patience:.0f} s")
