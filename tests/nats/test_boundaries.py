"""What the bots of this repository deny themselves, tried with their own credentials.

A bot's program has none: it runs in a sandbox without a connection to the server. These tests give
them to it. Each bot has an account whose only doors are the events that its rule file declares, so
it can neither say what those who may do a thing say, nor give them a job, nor speak in their name.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet_server import OUTSIDE, NatsFleet
from lotabots.adapters.nats.connection import settle
from lotabots.adapters.nats.scan import Scanner
from lotabots.adapters.nats.server import ServerError, find_binary
from lotabots.model.names import matches
from lotabots.policy.project_broker import EVENTS, event_subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.model.bot import Bot

ROOT = Path(__file__).resolve().parents[2]
FORGED = b'{"id":"forged"}'


@pytest.fixture(scope="module")
def whole_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsFleet]:
    """A running server for the fleet of this repository."""
    try:
        find_binary()
    except ServerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    paths = [path for top in ("rules", "graphs") for path in (ROOT / top).rglob("*.yaml")]
    files = {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}
    fleet = NatsFleet(tmp_path_factory.mktemp("nats"), files)
    asyncio.run(fleet.start())
    yield fleet
    asyncio.run(fleet.server.stop())


def declared(bot: Bot) -> list[str]:
    """The events that the rule file of a bot says it emits."""
    return sorted({emission.type for action in bot.actions for emission in action.emits})


def ways(fleet: NatsFleet, event: str) -> set[str]:
    """Every subject by which `event`, or what it starts, could come about."""
    bots = {bot.name for bot in fleet.fleet.bots}
    emitters = fleet.fleet.events[event].emitters
    known = [*OUTSIDE, *bots, *(f"gate.{gate.name}" for gate in fleet.fleet.gates)]
    sources = [one for one in known if any(matches(pattern, one) for pattern in emitters)]
    started = [
        bot.name
        for bot in fleet.fleet.bots
        if any(trigger.pattern and matches(trigger.pattern, event) for trigger in bot.triggers)
    ]
    return {
        f"ev.{event}",
        *(event_subject(source, event) for source in sources),
        *(f"lb.work.{bot}" for bot in started),
    }


DEPLOYMENT = ("deploy.requested", "deploy.started", "deploy.completed", "approval.granted")
CODE = ("change.pushed", "change.created")


@pytest.mark.parametrize(("name", "events"), [
    pytest.param(
        "BuildBot", DEPLOYMENT, marks=pytest.mark.boundary("BuildBot", "deploy", plane="broker")
    ),
    pytest.param(
        "BuildBot", ("test.started", "test.completed", "test.failed"),
        marks=pytest.mark.boundary("BuildBot", "test.run", plane="broker"),
    ),
    pytest.param(
        "BuildBot", CODE, marks=pytest.mark.boundary("BuildBot", "code.modify", plane="broker")
    ),
    pytest.param(
        "TestBot", (*CODE, "build.completed"),
        marks=pytest.mark.boundary("TestBot", "test.fix", plane="broker"),
    ),
    pytest.param(
        "TestBot", CODE, marks=pytest.mark.boundary("TestBot", "code.modify", plane="broker")
    ),
    pytest.param(
        "TestBot", DEPLOYMENT, marks=pytest.mark.boundary("TestBot", "deploy", plane="broker")
    ),
    pytest.param(
        "LintBot", CODE,
        marks=pytest.mark.boundary("LintBot", "code.modify", "code.modify.logic", plane="broker"),
    ),
    pytest.param(
        "LintBot", ("approval.granted", "review.completed"),
        marks=pytest.mark.boundary("LintBot", "change.verdict", plane="broker"),
    ),
    pytest.param(
        "SecurityBot", (*CODE, "build.completed", "advisories.updated"),
        marks=pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", plane="broker"),
    ),
    pytest.param(
        "SecurityBot", DEPLOYMENT,
        marks=pytest.mark.boundary("SecurityBot", "deploy", plane="broker"),
    ),
    pytest.param(
        "NotificationBot",
        ("approval.granted", "alert.escalated", "deploy.requested", "recovery.approved"),
        marks=pytest.mark.boundary("NotificationBot", "decision.make", plane="broker"),
    ),
    pytest.param(
        "NotificationBot", ("deploy.requested", "scale.requested", "migration.approved"),
        marks=pytest.mark.boundary("NotificationBot", "system.modify", plane="broker"),
    ),
    pytest.param(
        "NotificationBot", ("alert.acknowledged", "alert.resolved"),
        marks=pytest.mark.boundary("NotificationBot", "alert.acknowledge", plane="broker"),
    ),
    pytest.param(
        "NotificationBot", ("incident.reported", "incident.created", "incident.updated"),
        marks=pytest.mark.boundary("NotificationBot", "ticket.create", plane="broker"),
    ),
    pytest.param(
        "DeployBot", ("change.pushed", "build.started", "build.completed"),
        marks=pytest.mark.boundary("DeployBot", "build", plane="broker"),
    ),
    pytest.param(
        "DeployBot", ("build.completed", "test.started", "test.completed"),
        marks=pytest.mark.boundary("DeployBot", "test.run", plane="broker"),
    ),
    pytest.param(
        "DeployBot", ("scale.requested", "scale.completed", "migration.approved"),
        marks=pytest.mark.boundary("DeployBot", "infrastructure.configure", plane="broker"),
    ),
    pytest.param(
        "DeployBot", ("approval.granted", "deploy.requested"),
        marks=pytest.mark.boundary("DeployBot", "deploy.application on production", plane="broker"),
    ),
    pytest.param(
        "ReviewBot", ("approval.granted", "lint.completed", "security.completed"),
        marks=pytest.mark.boundary(
            "ReviewBot", "change.verdict.approve", "policy.enforce", plane="broker"
        ),
    ),
    pytest.param(
        "ReviewBot", CODE,
        marks=pytest.mark.boundary("ReviewBot", "code.modify", "change.merge", plane="broker"),
    ),
    pytest.param(
        "DocumentationBot", CODE,
        marks=pytest.mark.boundary(
            "DocumentationBot", "code.modify", "docs.author", plane="broker"
        ),
    ),
    pytest.param(
        "DocumentationBot", DEPLOYMENT,
        marks=pytest.mark.boundary("DocumentationBot", "deploy.documentation", plane="broker"),
    ),
    pytest.param(
        "MonitorBot", ("deploy.requested", "scale.requested", "alert.escalated"),
        marks=pytest.mark.boundary("MonitorBot", "remediate", plane="broker"),
    ),
    pytest.param(
        "MonitorBot", ("migration.approved", "scale.requested", "scale.completed"),
        marks=pytest.mark.boundary("MonitorBot", "system.modify.configuration", plane="broker"),
    ),
    pytest.param(
        "MonitorBot", DEPLOYMENT, marks=pytest.mark.boundary("MonitorBot", "deploy", plane="broker")
    ),
    pytest.param(
        "LogBot", ("database.measured", "recovery.requested", "deploy.completed"),
        marks=pytest.mark.boundary("LogBot", "log.modify", "data.read.sensitive", plane="broker"),
    ),
    pytest.param(
        "LogBot", ("deploy.requested", "scale.requested", "alert.triggered", "incident.resolved"),
        marks=pytest.mark.boundary("LogBot", "remediate", plane="broker"),
    ),
    pytest.param(
        "ComplianceBot", CODE,
        marks=pytest.mark.boundary("ComplianceBot", "code.modify", plane="broker"),
    ),
    pytest.param(
        "ComplianceBot", ("migration.approved", "recovery.approved", "retention.approved"),
        marks=pytest.mark.boundary("ComplianceBot", "appdata.modify", plane="broker"),
    ),
    pytest.param(
        "ComplianceBot", ("approval.granted", "review.completed"),
        marks=pytest.mark.boundary("ComplianceBot", "change.verdict", plane="broker"),
    ),
    pytest.param(
        "ComplianceBot", ("deploy.requested", "scale.requested", "incident.resolved"),
        marks=pytest.mark.boundary("ComplianceBot", "remediate", plane="broker"),
    ),
    pytest.param(
        "ScalingBot", DEPLOYMENT,
        marks=pytest.mark.boundary("ScalingBot", "deploy.application", plane="broker"),
    ),
    pytest.param(
        "ScalingBot", CODE,
        marks=pytest.mark.boundary("ScalingBot", "code.modify.logic", plane="broker"),
    ),
    pytest.param(
        "ScalingBot", ("scale.requested", "scale.measured", "metrics.sampled"),
        marks=pytest.mark.boundary("ScalingBot", "infrastructure.resize", plane="broker"),
    ),
    pytest.param(
        "IncidentBot", ("incident.resolved", "alert.acknowledged", "alert.resolved"),
        marks=pytest.mark.boundary("IncidentBot", "incident.resolve", plane="broker"),
    ),
    pytest.param(
        "IncidentBot", DEPLOYMENT,
        marks=pytest.mark.boundary("IncidentBot", "deploy", plane="broker"),
    ),
    pytest.param(
        "IncidentBot", ("scale.requested", "migration.approved", "recovery.approved"),
        marks=pytest.mark.boundary("IncidentBot", "system.modify", plane="broker"),
    ),
])  # fmt: skip
async def test_a_bot_with_its_own_credentials_cannot(
    whole_fleet: NatsFleet, name: str, events: tuple[str, ...]
):
    """It says what it declares, which shows that it is connected; nothing else arrives."""
    (bot,) = [one for one in whole_fleet.fleet.bots if one.name == name]
    client = await whole_fleet.connect(name)
    own = declared(bot)
    assert await whole_fleet.may_publish(client, f"ev.{own[0]}", name.encode())
    for event in events:
        tried = ways(whole_fleet, event)
        assert len(tried) > 1, event
        assert event not in own
        for subject in sorted(tried):
            assert not await whole_fleet.may_publish(client, subject, FORGED), subject
            await client.publish(f"ev.{own[0]}", name.encode(), reply=subject)
    await settle(client)
    stored = Scanner(await whole_fleet.connect("engine")).all(EVENTS, "lb.ev.>")
    said = {(one.body.decode(), one.subject) async for one in stored}
    assert (name, event_subject(name, own[0])) in said
    first = {one.name: declared(one)[:1] for one in whole_fleet.fleet.bots}
    assert [one for one in said if one[1] != event_subject(one[0], *first.get(one[0], [""]))] == []
