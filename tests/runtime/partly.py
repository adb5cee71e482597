"""An executor that runs some bots for real, and only listens to what others are asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bots.checking import the_fleet
from executor.workshop import ROOT, Workshop
from lotabots.adapters.nats.publisher import Publisher
from lotabots.runtime.ports import Outgoing, RunReport

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from lotabots.adapters.sandbox.launch import Launcher
    from lotabots.policy.contract import Job
    from lotabots.runtime.ports import OnLine
    from running import Running


class Partly:
    """Runs the bots in `real`; `asked` are the bot, the event's type and payload of other jobs."""

    def __init__(
        self, folder: Path, launcher: Launcher, real: Collection[str], places: dict[str, Path]
    ) -> None:
        self.workshop = Workshop(folder, launcher)
        self.workshop.bots = ROOT / "bots"
        self.workshop.places = places
        self._real = real
        self._executor = self.workshop.executor(the_fleet())
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def refusal(self, bot: str, action: str, /) -> str:
        """The others agree to everything."""
        return self._executor.refusal(bot, action) if bot in self._real else ""

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        """Run it, or remember that it was asked for."""
        if job.bot in self._real:
            return await self._executor.run(job, on_line=on_line)
        payload = msgspec.json.decode(job.event.payload)
        self.asked.append((job.bot, job.event.type, payload))
        return RunReport(status=0)

    def told(self, event: str) -> list[dict[str, Any]]:
        """What NotificationBot was asked to tell people about events of a type."""
        return [said for bot, kind, said in self.asked if (bot, kind) == ("NotificationBot", event)]


async def speak(service: Running, bot: str, event: str, payload: object, *, name: str) -> None:
    """A bot says something, with its own credentials; `name` is the event's id."""
    publisher = Publisher(await service.client(bot), timeout=2.0)
    await publisher.start()
    envelope = {
        "id": name,
        "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - a sender reads the clock
        "source": bot,
        "type": event,
        "payload": payload,
    }
    await publisher.publish(Outgoing(f"ev.{event}", json.dumps(envelope).encode()))


def repository_rules() -> dict[str, str]:
    """The rules of this repository, for a workspace."""
    files = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.yaml")]
    return {str(path.relative_to(ROOT)): path.read_text() for path in files}
