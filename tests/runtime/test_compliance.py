"""Deployments are checked by what the running service recorded: real events, real logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from executor.workshop import ROOT
from running import lay_out, running
from runtime.partly import Partly, repository_rules, speak

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.sandbox.launch import Launcher
    from running import Running

STEPS = ("02", "03", "04", "05", "06")
"""A build, and what was found out about it; the numbers are those of `examples/events`."""

UNTESTED = "e" * 40


def told(number: str, artifact: dict[str, Any]) -> dict[str, Any]:
    """An event of the story in `examples/events`, about an artifact that there is."""
    (path,) = (ROOT / "examples/events").glob(f"{number}-*.json")
    event: dict[str, Any] = json.loads(path.read_bytes())
    files = {"artifact": artifact, "artifacts": [artifact], "reports": []}
    event["payload"] |= {name: files[name] for name in files.keys() & event["payload"].keys()}
    return event


async def said(service: Running, event: str, wanted: int) -> list[dict[str, Any]]:
    """What ComplianceBot said."""
    subject = f"lb.ev.bot.ComplianceBot.{event}"
    await service.until_count(wanted, "LB_EVENTS", subject)
    return [one["payload"] for one in await service.bodies("LB_EVENTS", subject)]


async def test_a_deployment_is_proved_by_the_record_and_another_one_flagged(
    tmp_path: Path, launcher: Launcher
):
    root = lay_out(tmp_path / "fleet", repository_rules())
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "policy.toml").write_text("version = 1\n")
    state = root / ".lotabots"
    places = {"policies": policies, "system-state": state / "record", "audit": state / "audit"}
    executor = Partly(tmp_path / "work", launcher, {"ComplianceBot"}, places)
    blob = executor.workshop.blobs.put_bytes(b"a wheel")
    artifact = {"name": "w.whl", "kind": "wheel", "digest": blob.digest, "size": blob.size}
    deployed = told("10", artifact)["payload"]
    async with running(root, executor) as service:
        for number in STEPS:
            event = told(number, artifact)
            await speak(service, event["source"], event["type"], event["payload"], name=number)
        await service.emit("approval.granted", told("09", artifact)["payload"])
        await speak(service, "DeployBot", "deploy.completed", deployed, name="good")
        (first,) = await said(service, "compliance.report", 1)
        other = {**deployed, "change": {"id": UNTESTED}, "release": "13-bad", "active": "13-bad"}
        await speak(service, "DeployBot", "deploy.completed", other, name="bad")
        second = (await said(service, "compliance.report", 2))[1]
        violations = await said(service, "compliance.violation", 6)
        await service.until_count(6, "LB_OUTCOMES", "lb.out.done.NotificationBot.>")
        await service.until_count(5, "LB_OUTCOMES", "lb.out.done.IncidentBot.>")
        outcomes = await service.bodies("LB_OUTCOMES", "lb.out.*.ComplianceBot.>")
    assert [one["outcome"] for one in outcomes] == ["success", "failure"]
    assert (first["outcome"], first["checked"], first["violations"]) == ("success", 8, 0)
    assert (second["outcome"], second["violations"]) == ("failure", 6)
    assert {one["resource"] for one in violations} == {"shop/production/13-bad"}
    assert {one["control"] for one in violations} == {
        "tests-passed", "lint-clean", "code-scanned", "dependencies-scanned", "approved",
        "artifact-is-the-tested-one",
    }  # fmt: skip
    assert executor.told("compliance.violation") == violations
    opened = [one for bot, kind, one in executor.asked if bot == "IncidentBot"]
    assert {one["control"] for one in opened} == {
        one["control"] for one in violations if one["severity"] != "medium"
    }
