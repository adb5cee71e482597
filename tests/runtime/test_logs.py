"""What a service writes is indexed, becomes an insight and an alert, and is found by a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bots.checking import the_fleet
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.reader import Reader
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.ticker import schedule_messages
from running import lay_out, running
from runtime.partly import Partly, repository_rules

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.sandbox.launch import Launcher
    from running import Running


async def said(service: Running, bot: str, event: str) -> list[dict[str, Any]]:
    """What a bot said."""
    subject = f"lb.ev.bot.{bot}.{event}"
    await service.until_count(1, "LB_EVENTS", subject)
    return [one["payload"] for one in await service.bodies("LB_EVENTS", subject)]


async def start(service: Running, action: str) -> None:
    """Let a schedule of LogBot come each second from now on."""
    wanted = {"bot": "LogBot", "action": action}
    (one,) = [one for one in schedule_messages(the_fleet()) if json.loads(one.body) == wanted]
    assert one.headers is not None
    client: Any = await service.client("engine")
    publisher = Publisher(client)
    await publisher.start()
    ledger = Ledger(publisher, Reader(client), name="engine")
    often = {**one.headers, "Nats-Schedule": "* * * * * *"}
    await ledger.store([Outgoing(one.subject, one.body, often)])


async def test_what_a_service_writes_becomes_an_insight_and_an_alert_and_is_found(
    tmp_path: Path, launcher: Launcher
):
    now = datetime.now(UTC)  # noqa: TID251 - schedules run by the clock
    logs = tmp_path / "logs"
    (logs / "shop/production").mkdir(parents=True)
    (logs / "shop/production/1-abc.log").write_text(text(now))
    executor = Partly(tmp_path / "work", launcher, {"LogBot", "MonitorBot"}, {"logs": logs})
    root = lay_out(tmp_path / "fleet", repository_rules())
    async with running(root, executor) as service:
        await start(service, "index")
        (indexed,) = await said(service, "LogBot", "log.indexed")
        await start(service, "find-insights")
        insight = (await said(service, "LogBot", "log.insight"))[0]
        (alert,) = await said(service, "MonitorBot", "alert.triggered")
        word = {"search": "mine", "query": "service:shop level:critical disk", "limit": 10}
        await service.emit("log.searched", word)
        (found,) = await said(service, "LogBot", "log.found")
    assert indexed["checked"] == found["checked"] == 32
    assert insight["template"] in {"CRITICAL disk <*> is gone", "CRITICAL fan"}
    assert insight["severity"] == "critical"
    assert (alert["rule"], alert["service"], alert["value"]) == ("log-insight", "shop", 1)
    assert "release" not in alert
    assert (found["search"], found["total"]) == ("mine", 1)
    (result,) = [one for one in found["reports"] if one["name"] == "search-result.json"]
    path = executor.workshop.blobs.path(result["digest"])
    (hit,) = json.loads(path.read_bytes())["hits"]
    assert (hit["text"], hit["instance"]) == ("CRITICAL disk 7 is gone", "4711")


def text(now: datetime) -> str:
    """Steady lines for thirty hours, and one that is new in the last hour that is over.

    Another one is new in the hour after that: meanwhile it may be the last one.
    """
    over = (now - timedelta(minutes=5)).replace(minute=0, second=0, microsecond=0)
    hours = [over - timedelta(hours=number, minutes=-10) for number in range(30, 0, -1)]
    lines = [f"{at:%Y-%m-%dT%H:%M:%S.000Z} 4711 INFO request" for at in hours]
    lines += [
        f"{hours[-1]:%Y-%m-%dT%H:%M:%S.000Z} 4711 CRITICAL disk 7 is gone",
        f"{over + timedelta(minutes=10):%Y-%m-%dT%H:%M:%S.000Z} 4711 CRITICAL fan",
    ]
    return "\n".join(lines) + "\n"
