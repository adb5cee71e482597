"""An alert becomes an incident, people are told, a person resolves it: the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from running import lay_out, running
from runtime.partly import Partly, repository_rules, speak

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.sandbox.launch import Launcher
    from running import Running

ALERT = {
    "alert_id": "a1",
    "service": "shop",
    "environment": "production",
    "rule": "error-burst",
    "metric": "error_share",
    "value": 0.5,
    "severity": "high",
    "state": "firing",
    "fingerprint": "f1",
}


async def said(service: Running, event: str, wanted: int = 1) -> list[dict[str, Any]]:
    """What IncidentBot said."""
    subject = f"lb.ev.bot.IncidentBot.{event}"
    await service.until_count(wanted, "LB_EVENTS", subject)
    return [one["payload"] for one in await service.bodies("LB_EVENTS", subject)]


async def test_alerts_become_one_incident_that_people_hear_of_and_resolve(
    tmp_path: Path, launcher: Launcher
):
    executor = Partly(tmp_path / "work", launcher, {"IncidentBot"}, {})
    root = lay_out(tmp_path / "fleet", repository_rules())
    async with running(root, executor) as service:
        await speak(service, "MonitorBot", "alert.triggered", ALERT, name="first")
        await speak(service, "MonitorBot", "alert.triggered", ALERT, name="first")
        (created,) = await said(service, "incident.created")
        other = {**ALERT, "alert_id": "a2"}
        await speak(service, "MonitorBot", "alert.triggered", other, name="second")
        (updated,) = await said(service, "incident.updated")
        word = {"incident_id": created["incident_id"], "resolved_by": "ann"}
        await service.emit("incident.resolved", word)
        (report,) = await said(service, "incident.postmortem")
        await service.until_count(4, "LB_OUTCOMES", "lb.out.done.NotificationBot.>")
        outcomes = await service.bodies("LB_OUTCOMES", "lb.out.*.IncidentBot.>")
        again = await service.count("LB_EVENTS", "lb.ev.bot.IncidentBot.incident.created")
    assert again == 1
    assert [one["outcome"] for one in outcomes] == ["success"] * 3
    assert (updated["incident_id"], updated["timeline_entries"]) == (created["incident_id"], 2)
    assert executor.told("incident.created") == [created]
    assert executor.told("incident.postmortem") == [report]
    assert len(executor.told("alert.triggered")) == 2
    page = executor.workshop.blobs.path(report["post_mortem"]).read_text()
    assert "## Root cause\n\n*To be written by a person.*" in page
