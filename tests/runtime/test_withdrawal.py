"""A person withdraws a release: the rules of this repository, the running service, no host."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lotabots.adapters.nats.publisher import Publisher
from lotabots.runtime.ports import Outgoing, RunReport
from running import lay_out, running

if TYPE_CHECKING:
    from lotabots.policy.contract import Job
    from lotabots.runtime.ports import OnLine
    from running import Running

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "11-d13f0b353295"
FROM_THE_REQUEST = {"action", "environment", "service", "repository", "change", "artifact"}
"""What the engine fills in by the rules, whatever a bot says."""


class Deploying:
    """Runs what DeployBot is asked for, as if the host had agreed, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def refusal(self, bot: str, _action: str, /) -> str:
        """Only DeployBot is here."""
        return "" if bot == "DeployBot" else "not here"

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        """Say that the release before is in service again."""
        payload = msgspec.json.decode(job.event.payload)
        self.asked.append((job.action, payload))
        said = {k: v for k, v in told("10")["payload"].items() if k not in FROM_THE_REQUEST}
        said |= {"release": payload["release"], "previous": BEFORE, "active": BEFORE}
        line = {"type": "deploy.completed", "payload": said}
        await on_line(json.dumps(line).encode(), _keep)
        return RunReport(status=0, tool=said["tool"]["digest"])


async def _keep(artifact: Any) -> Any:  # noqa: ANN401 - never called
    raise AssertionError(artifact)


def told(number: str) -> dict[str, Any]:
    """An event of the story in `examples/events`, by its number."""
    (path,) = (ROOT / "examples/events").glob(f"{number}-*.json")
    event: dict[str, Any] = json.loads(path.read_bytes())
    return event


async def deployed(service: Running) -> None:
    """DeployBot says that the release is in production."""
    publisher = Publisher(await service.client("DeployBot"), timeout=2.0)
    await publisher.start()
    now = datetime.now(UTC).isoformat()  # noqa: TID251 - a sender reads the clock
    event = json.dumps(told("10") | {"timestamp": now}).encode()
    await publisher.publish(Outgoing("ev.deploy.completed", event))


async def test_a_persons_word_withdraws_the_release_that_it_names_and_no_other(tmp_path: Path):
    files = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.yaml")]
    root = lay_out(tmp_path, {str(p.relative_to(ROOT)): p.read_text() for p in files})
    executor = Deploying()
    word = told("20")["payload"] | {"environment": "production"}
    async with running(root, executor) as service:
        await deployed(service)
        await service.emit("approval.granted", word | {"environment": "staging"})
        await service.emit("approval.granted", word | {"release": BEFORE})
        await service.emit("approval.granted", word)
        await service.until_count(1, "LB_OUTCOMES", "lb.out.*.DeployBot.>")
        await service.until_count(2, "LB_EVENTS", "lb.ev.bot.DeployBot.deploy.completed")
        outcomes = await service.bodies("LB_OUTCOMES", "lb.out.*.DeployBot.>")
        requests = await service.bodies("LB_EVENTS", "lb.ev.gate.withdrawal.>")
        results = await service.bodies("LB_EVENTS", "lb.ev.bot.DeployBot.deploy.completed")
    assert [one["outcome"] for one in outcomes] == ["success"]
    (request,) = requests
    assert executor.asked == [("rollback", request["payload"])]
    assert (request["payload"]["release"], request["payload"]["reason"]) == (
        word["release"], "a person withdrew it"
    )  # fmt: skip
    back = results[1]["payload"]
    assert (back["action"], back["environment"], back["active"]) == (
        "rollback", "production", BEFORE
    )  # fmt: skip
