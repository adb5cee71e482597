"""Who may do what, asked of the real server: it refuses a forged source, not the engine."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from fleet_server import PATIENCE_S, NatsFleet, ask
from lotabots.adapters.nats.connection import settle
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.scan import Scanner
from lotabots.adapters.nats.server import find_binary
from lotabots.policy.project_broker import ATTEMPTS, AUDIT, EVENTS, OUTCOMES, WORK
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.client import Client

KEPT = ["LB_DECISIONS", "LB_ATTEMPTS", "LB_OUTCOMES", "LB_CONTROL", "LB_AUDIT"]
FORGED = b'{"id":"forged","type":"approval.granted"}'
APPROVAL = "lb.ev.cli.ann.approval.granted"


async def stored(admin: Client, stream: str = EVENTS) -> dict[str, int]:
    """How many messages a stream holds, by subject."""
    answer = await api(admin, f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    subjects: dict[str, int] = answer["state"].get("subjects") or {}
    return subjects


async def api(client: Client, verb: str, request: object) -> dict[str, Any]:
    """The answer of JetStream; empty if the server did not let the request through."""
    answer = await ask(client, f"$JS.API.{verb}", json.dumps(request).encode())
    decoded: dict[str, Any] = json.loads(answer or b"{}")
    return decoded


def test_the_server_accepts_the_configuration(tmp_path: Path):
    config = tmp_path / "server.conf"
    config.write_text(NatsFleet(tmp_path).config)
    run = subprocess.run(
        [find_binary(), "-t", "-c", config], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


async def test_a_bot_publishes_what_it_declares_and_nothing_else(nats_fleet: NatsFleet):
    bot = await nats_fleet.connect("BuildBot")
    admin = await nats_fleet.connect("admin")
    assert await nats_fleet.may_publish(bot, "ev.build.completed")
    assert await nats_fleet.may_publish(bot, "ev.build.slow")
    for subject in (
        "ev.test.completed",
        "ev.change.pushed",
        "ev.>",
        "ev.build.completed.more",
        "lb.ev.bot.BuildBot.build.completed",
        "lb.ev.bot.TestBot.test.completed",
        APPROVAL,
        "lb.work.BuildBot",
        "lb.dec.x",
        "lb.out.done.BuildBot.x",
        "_INBOX_TestBot.x",
        "$JS.API.INFO",
        "$SYS.REQ.SERVER.PING",
    ):
        assert not await nats_fleet.may_publish(bot, subject), subject
    assert await stored(admin) == {
        "lb.ev.bot.BuildBot.build.completed": 1,
        "lb.ev.bot.BuildBot.build.slow": 1,
    }


async def test_a_bot_hears_nothing_but_its_inbox(nats_fleet: NatsFleet):
    bot = await nats_fleet.connect("BuildBot")
    assert await nats_fleet.may_subscribe(bot, "_INBOX_BuildBot.x")
    for subject in (">", "ev.>", "lb.>", "_INBOX_TestBot.>", "_INBOX.>", "$JS.>", "*", "_R_.>"):
        assert not await nats_fleet.may_subscribe(bot, subject), subject


async def test_a_bot_that_emits_nothing_may_publish_nothing(nats_fleet: NatsFleet):
    bot = await nats_fleet.connect("ChatBot")
    for subject in ("ev.build.completed", "ev.x", "lb.ev.bot.ChatBot.x", "x"):
        assert not await nats_fleet.may_publish(bot, subject), subject


async def test_a_reply_subject_does_not_make_an_event_of_somebody_else(nats_fleet: NatsFleet):
    """The server answers to whatever reply a client names, except through a service import."""
    admin, engine = await nats_fleet.connect("admin"), await nats_fleet.publisher("engine")
    runner, bot = await nats_fleet.connect("runner"), await nats_fleet.connect("BuildBot")
    ann = await nats_fleet.connect("CLI_ann")
    await (await nats_fleet.publisher("runner")).publish_all(
        [Outgoing("lb.out.done.X.y", FORGED), Outgoing("lb.att.X.y.1.started", FORGED)]
    )
    await engine.publish(Outgoing("lb.work.BuildBot", FORGED))
    last = b'{"last_by_subj":"lb.out.done.X.y"}'
    for client, subject, body in (
        (bot, "ev.build.completed", FORGED),
        (ann, "ev.change.pushed", FORGED),
        (runner, "lb.att.X.y.2.started", FORGED),
        (runner, "lb.js.STREAM.MSG.GET.LB_OUTCOMES", last),
        (runner, "$JS.API.STREAM.MSG.GET.LB_OUTCOMES", last),
        (runner, "$JS.API.DIRECT.GET.LB_OUTCOMES", last),
        (runner, "$JS.API.CONSUMER.MSG.NEXT.LB_WORK.BuildBot", b""),
    ):
        for target in (APPROVAL, "lb.ev.bot.TestBot.test.completed"):
            await client.publish(subject, body, reply=target)
        await settle(client)
    # Stored after all of them: what they caused is stored before it.
    await (await nats_fleet.publisher("engine")).publish(
        Outgoing("lb.ev.engine.schedule.schedule.tick", b"{}")
    )
    assert set(await stored(admin)) == {
        "lb.ev.bot.BuildBot.build.completed",
        "lb.ev.cli.ann.change.pushed",
        "lb.ev.engine.schedule.schedule.tick",
    }


@pytest.mark.parametrize("user", ["runner", "audit"])
async def test_a_guest_makes_no_consumers_that_deliver_somewhere(nats_fleet: NatsFleet, user: str):
    client = await nats_fleet.connect(user)
    for stream in (OUTCOMES, ATTEMPTS, AUDIT, EVENTS):
        for verb in ("CREATE", "DURABLE.CREATE"):
            subject = f"CONSUMER.{verb}.{stream}"
            for api in ("$JS.API", "lb.js"):
                for tail in ("", ".own", ".own.>"):
                    assert not await nats_fleet.may_publish(client, f"{api}.{subject}{tail}")


async def test_the_engine_publishes_neither_as_a_bot_nor_as_a_person(nats_fleet: NatsFleet):
    engine = await nats_fleet.connect("engine")
    for subject in (
        "lb.ev.bot.BuildBot.build.completed",
        APPROVAL,
        "lb.ev.ingress.git.change.pushed",
        "lb.out.done.X.y",
        "lb.att.X.y.1.started",
        "lb.ctl.runner.x",
    ):
        assert not await nats_fleet.may_publish(engine, subject), subject
    for subject in ("lb.ev.gate.release.deploy.requested", "lb.dec.x", "lb.work.BuildBot"):
        assert await nats_fleet.may_publish(engine, subject), subject


async def test_a_runner_publishes_attempts_and_outcomes_only(nats_fleet: NatsFleet):
    runner = await nats_fleet.connect("runner")
    for subject in ("lb.att.X.y.1.started", "lb.out.dead.X.y", "lb.ctl.runner.started"):
        assert await nats_fleet.may_publish(runner, subject), subject
    for subject in (
        "lb.work.BuildBot",
        "lb.dec.x",
        "lb.ev.bot.BuildBot.build.completed",
        "lb.ev.gate.release.deploy.requested",
        APPROVAL,
        "lb.ctl.engine.x",
    ):
        assert not await nats_fleet.may_publish(runner, subject), subject


async def test_the_host_puts_on_record_what_it_did_and_nothing_else(nats_fleet: NatsFleet):
    host = await nats_fleet.connect("host")
    for subject in ("lb.ctl.host.promote", "lb.ctl.host.refused"):
        assert await nats_fleet.may_publish(host, subject), subject
    for subject in (
        "lb.ctl.engine.redrive.x",
        "lb.ctl.runner.x",
        "lb.dec.x",
        "lb.work.BuildBot",
        "lb.ev.bot.DeployBot.deploy.completed",
        APPROVAL,
        "ev.deploy.completed",
        "lb.api.status",
    ):
        assert not await nats_fleet.may_publish(host, subject), subject
    for subject in ("lb.ctl.>", "lb.work.>", "lb.ev.>"):
        assert not await nats_fleet.may_subscribe(host, subject), subject


async def test_the_audit_user_publishes_nothing(nats_fleet: NatsFleet):
    audit = await nats_fleet.connect("audit")
    for subject in ("lb.ctl.x", "lb.att.x", "lb.out.done.X.y", "lb.dec.x", "lb.ev.gate.g.x", "x"):
        assert not await nats_fleet.may_publish(audit, subject), subject


async def test_a_person_publishes_what_people_may_emit_as_himself(nats_fleet: NatsFleet):
    ann, admin = await nats_fleet.connect("CLI_ann"), await nats_fleet.connect("admin")
    assert await nats_fleet.may_publish(ann, "ev.approval.granted")
    assert await nats_fleet.may_publish(ann, "api.status")
    for subject in ("ev.build.completed", "lb.ev.cli.bob.approval.granted", "lb.api.status"):
        assert not await nats_fleet.may_publish(ann, subject), subject
    assert await stored(admin) == {APPROVAL: 1}


async def test_who_orders_something_is_who_the_server_says(nats_fleet: NatsFleet):
    engine, ann = await nats_fleet.connect("engine"), await nats_fleet.connect("CLI_ann")
    orders = await engine.subscribe("lb.do.>")
    await settle(engine)
    assert await nats_fleet.may_publish(ann, "do.disable", b'{"by":"cli.bob"}')
    assert (await orders.next_msg(timeout=PATIENCE_S)).subject == "lb.do.cli.ann.disable"
    for subject in ("lb.do.cli.bob.disable", "lb.do.cli.ann.disable", "lb.state.switches"):
        assert not await nats_fleet.may_publish(ann, subject), subject
    for user in ("BuildBot", "INGRESS_git", "runner", "host", "audit"):
        client = await nats_fleet.connect(user)
        for subject in ("do.disable", "lb.do.cli.ann.disable", "lb.state.switches"):
            assert not await nats_fleet.may_publish(client, subject), (user, subject)


@pytest.mark.parametrize("user", ["runner", "audit", "engine", "BuildBot", "CLI_ann"])
async def test_only_the_admin_changes_deletes_or_purges_streams(nats_fleet: NatsFleet, user: str):
    client, admin = await nats_fleet.connect(user), await nats_fleet.connect("admin")
    for stream in (*KEPT, WORK, EVENTS):
        for verb in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT"):
            subject = f"$JS.API.STREAM.{verb}.{stream}"
            assert not await nats_fleet.may_publish(client, subject), subject
    assert not await nats_fleet.may_publish(client, "$JS.API.STREAM.CREATE.OWN")
    names = (await api(admin, "STREAM.NAMES", {}))["streams"]
    assert {*KEPT, WORK, EVENTS} <= set(names)


@pytest.mark.parametrize("stream", KEPT)
async def test_kept_streams_refuse_deletion_of_messages_and_purging_even_to_the_admin(
    nats_fleet: NatsFleet, stream: str
):
    admin, runner = await nats_fleet.connect("admin"), await nats_fleet.publisher("runner")
    await runner.publish(Outgoing("lb.out.done.X.y", b"{}"))
    purge = await api(admin, f"STREAM.PURGE.{stream}", {})
    delete = await api(admin, f"STREAM.MSG.DELETE.{stream}", {"seq": 1})
    assert purge["error"]["err_code"] == 10110
    assert delete["error"]["err_code"] == 10057
    config = (await api(admin, f"STREAM.INFO.{stream}", {}))["config"]
    undone = await api(admin, f"STREAM.UPDATE.{stream}", config | {"deny_purge": False})
    assert undone["error"]["err_code"] == 10052


async def test_guests_do_what_they_are_for(nats_fleet: NatsFleet):
    """Pulling, looking up and acknowledging work through their doors; records reach the audit."""
    engine, runner = await nats_fleet.publisher("engine"), await nats_fleet.publisher("runner")
    await engine.publish(Outgoing("lb.work.BuildBot", b"job"))
    work = await nats_fleet.puller("runner", WORK, "BuildBot")
    (job,) = await work.take(1)
    assert (job.subject, job.body, job.stream, job.delivered) == (
        "lb.work.BuildBot",
        b"job",
        WORK,
        1,
    )
    await work.working(job)
    await work.later(job, 0.0)
    (again,) = await work.take(1)
    assert (again.sequence, again.delivered) == (job.sequence, 2)
    await runner.publish(Outgoing("lb.out.done.BuildBot.j", b'{"a":1}'))
    await work.ack([again])
    reader = Reader(await nats_fleet.connect("runner"))
    found = await reader.last(OUTCOMES, "lb.out.*.BuildBot.j")
    assert found is not None
    assert (found.subject, found.body) == ("lb.out.done.BuildBot.j", b'{"a":1}')
    assert await reader.last(ATTEMPTS, "lb.att.BuildBot.j.>") is None
    audit = await nats_fleet.puller("audit", AUDIT, "WRITER", prefetch=10, pinned=True)
    (record,) = await audit.take(10)
    assert (record.subject, record.sequence) == ("lb.out.done.BuildBot.j", 1)
    assert record.headers["Nats-Stream-Source"].split()[0] == OUTCOMES


async def test_the_engine_reads_through_every_stream(nats_fleet: NatsFleet):
    bot = await nats_fleet.connect("BuildBot")
    await bot.publish("ev.build.completed", b"1")
    await settle(bot)
    scanner = Scanner(await nats_fleet.connect("engine"))
    assert [d.body async for d in scanner.all(EVENTS, "lb.ev.>")] == [b"1"]
    for stream in KEPT:
        assert [d async for d in scanner.all(stream, ">")] == []
