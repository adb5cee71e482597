from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from lotabots.adapters.nats.publisher import Publisher
from lotabots.policy.project_broker import streams
from lotabots.runtime.ports import Outgoing
from lotabots.service.workspace import open_workspace
from operators import ordered
from running import SENDER, counted, running, until, verdicts

if TYPE_CHECKING:
    from pathlib import Path

    from running import Running


async def test_an_event_runs_through_bots_and_gate_to_its_end(root: Path):
    async with running(root) as service:
        for n in range(20):
            await service.emit("make.asked", {"n": n})
        await service.until_count(60, "LB_OUTCOMES")
        outcomes = await service.bodies("LB_OUTCOMES")
        decisions = await service.messages("LB_DECISIONS")
    assert counted(outcomes, "bot") == {"MakeBot": 20, "CheckBot": 20, "ShipBot": 20}
    assert counted(outcomes, "outcome") == {"success": 60}
    assert len({d.subject for d in decisions}) == len(decisions)


async def test_a_failed_attempt_comes_again_after_its_wait_and_holds_no_slot(root: Path):
    async with running(root) as service:
        await service.emit("slow.asked", {"n": 1, "plan": "fail 1"})
        await until(lambda: _ran(service, "SlowBot", 1))
        await service.emit("slow.asked", {"n": 2})
        await service.until_count(2, "LB_OUTCOMES")
        outcomes = await service.bodies("LB_OUTCOMES")
        attempts = await service.bodies("LB_ATTEMPTS")
        begins = [(row[4], float(row[5])) for row in service.executor.notes() if row[0] == "begin"]
    # The second job ran in the only slot while the first one waited for its second attempt.
    assert [attempt for attempt, _ in begins] == ["1", "1", "2"]
    assert [row["attempts"] for row in outcomes] == [1, 2]
    assert counted(outcomes, "outcome") == {"success": 2}
    assert begins[2][1] - begins[0][1] >= 0.7, "a wait of 1 s is shortened by up to a quarter"
    assert [row["code"] for row in attempts if "code" in row] == ["LR405", "", ""]


async def test_a_job_that_fails_for_good_is_a_dead_letter_that_can_be_redriven_once(root: Path):
    async with running(root) as service:
        await service.emit("make.asked", {"n": 1, "plan": "fail 3"})
        await service.until_count(1, "LB_OUTCOMES", "lb.out.dead.>")
        (dead,) = await service.bodies("LB_OUTCOMES", "lb.out.dead.>")
        assert (dead["code"], dead["attempts"]) == ("LR405", 3)
        assert dead["message"]["event"]["payload"] == {"n": 1, "plan": "fail 3"}
        listed = await service.ask("dlq")
        assert [(row["job"], row["redriven"]) for row in listed["ok"]["dead_letters"]] == [
            (dead["job"], False)
        ]
        ordered_once = await ordered(service, "redrive", job=dead["job"])
        again = ordered_once["ok"]["again"]
        assert ordered_once["ok"]["by"] == SENDER
        await service.until_count(2, "LB_OUTCOMES", "lb.out.dead.>")
        second = await ordered(service, "redrive", job=dead["job"])
        assert second == {"unknown": f"`{dead['job']}` was redriven before, as `{again}`"}
        shown = await service.ask("dlq", dead["job"])
        assert shown["ok"]["dead_letters"][0]["redriven"]
        assert (await service.ask("dlq", "nobody"))[
            "unknown"
        ] == "no dead letter is called `nobody`"
        ran = [row[3] for row in service.executor.notes() if row[0] == "begin"]
    assert ran == [dead["job"]] * 3 + [again] * 3


async def test_the_newest_of_many_large_dead_letters_are_listed(root: Path):
    async with running(root) as service:
        publisher = Publisher(await service.client("runner"))
        await publisher.start()
        for n in range(300):
            letter = {"job": f"j{n}", "bot": "MakeBot", "message": "x" * 5000}
            await publisher.publish(
                Outgoing(f"lb.out.dead.MakeBot.j{n}", json.dumps(letter).encode())
            )
        said = (await service.ask("dlq"))["ok"]
        first = (await service.ask("dlq", "j0"))["ok"]
    listed = [row["job"] for row in said["dead_letters"]]
    assert len(listed) > 50
    assert listed == [f"j{n}" for n in range(300)][-len(listed) :]
    assert said["left_out"] == 300 - len(listed)
    assert [row["job"] for row in first["dead_letters"]] == ["j0"]


async def test_output_that_breaks_the_contract_is_a_dead_letter_and_publishes_nothing(root: Path):
    async with running(root) as service:
        await service.emit("make.asked", {"n": 1, "plan": "break"})
        await service.until_count(1, "LB_OUTCOMES")
        (dead,) = await service.bodies("LB_OUTCOMES")
        assert (dead["code"], dead["attempts"]) == ("LR402", 1)
        assert await service.count("LB_EVENTS", "lb.ev.bot.>") == 0


async def test_an_event_is_done_once_however_often_it_is_sent(root: Path):
    async with running(root) as service:
        for _ in range(5):
            await service.emit("make.asked", {"n": 1}, id="the same")
        await service.until_count(3, "LB_OUTCOMES")
        await service.until_count(10, "LB_DECISIONS")
        decisions = await service.bodies("LB_DECISIONS")
        outcomes = await service.bodies("LB_OUTCOMES")
    told = [verdicts(row) for row in decisions if row["subject"].endswith("make.asked")]
    assert told.count(["LR010"]) == 4
    assert len(outcomes) == 3


async def test_every_kind_of_bad_event_gets_its_code_and_nothing_is_lost(root: Path):
    def body(**more: object) -> bytes:
        return json.dumps(GOOD | more).encode()

    async with running(root) as service:
        bad = [
            ("LR001", b"{not json"),
            ("LR002", body(payload={"n": 1, "plan": "x" * 262_144})),
            ("LR003", body(id="3", type="no.such.type")),
            ("LR005", body(id="5", type="make.done")),
            ("LR005", body(id="forged", source="cli.bob")),
            ("LR006", body(id="6", payload={"n": "many"})),
            ("LR007", body(id="7", destination="NoBot")),
            ("LR008", body(id="8", timestamp="2020-01-01T00:00:00Z")),
            ("LR011", body(id="11", timestamp="2999-01-01T00:00:00Z")),
        ]
        for _, raw in bad:
            await service.send("ev.make.asked", raw)
        await service.until_count(len(bad), "LB_DECISIONS")
        decisions = await service.bodies("LB_DECISIONS")
        assert await service.count("LB_OUTCOMES") == 0
    found = [verdicts(row)[0] for row in sorted(decisions, key=lambda row: row["sequence"])]
    assert found == [code for code, _ in bad]


async def test_a_queue_that_is_full_holds_up_nobody_and_loses_nothing(root: Path):
    text = (root / "rules/bots/slowbot.yaml").read_text()
    for path in (root / "rules/bots").iterdir():
        path.write_text(path.read_text().replace("max_queued_jobs: 1000", "max_queued_jobs: 20"))
    assert "1000" in text
    async with running(root) as service:
        await service.emit("slow.asked", {"n": 0, "plan": "wait 3"})
        await asyncio.gather(*(service.emit("slow.asked", {"n": n}) for n in range(1, 400)))
        await service.emit("make.asked", {"n": 1})
        await service.until_count(3, "LB_OUTCOMES", "lb.out.done.>")
        others = await service.bodies("LB_OUTCOMES")
        assert counted(others, "bot") == {"MakeBot": 1, "CheckBot": 1, "ShipBot": 1}
        assert await service.count("LB_WORK", "lb.work.SlowBot") == 20
        await service.until_count(400, "LB_OUTCOMES", "lb.out.done.SlowBot.>")
        assert await service.count("LB_RETRY") == 0
        assert service.executor.most_at_once("SlowBot") == 1
        assert len([row for row in service.executor.notes() if row[0] == "begin"]) == 403


async def test_a_breaker_that_opens_lets_jobs_wait_outside_then_one_probe_then_all(root: Path):
    async with running(root) as service:
        for n in range(2):
            await service.emit("slow.asked", {"n": n, "plan": "fail 1"})
        await until(lambda: _is(service, "SlowBot", "open"))
        await service.emit("slow.asked", {"n": 3})
        await service.until_count(3, "LB_OUTCOMES")
        assert await _is(service, "SlowBot", "closed")
        moves = await service.bodies("LB_CONTROL", "lb.ctl.runner.breaker.SlowBot")
    phases = [move["breaker"]["phase"] for move in moves]
    assert phases == ["closed", "open", "half-open", "closed"]


def test_no_age_removes_a_job_that_waits(root: Path):
    kept = {stream.name: stream.max_age for stream in streams(open_workspace(root).checked.fleet)}
    assert {name for name, age in kept.items() if not age} == {
        "LB_WORK",
        "LB_RETRY",
        "LB_CRON",
        "LB_STATE",
    }


GOOD = {
    "id": "a good one",
    "timestamp": "2026-01-01T00:00:00Z",
    "source": "cli.ann",
    "type": "make.asked",
    "payload": {"n": 1},
}


async def _ran(service: Running, bot: str, times: int) -> bool:
    ends = [row for row in service.executor.notes() if row[0] == "end" and row[2] == bot]
    return len(ends) >= times


async def _is(service: Running, bot: str, phase: str) -> bool:
    said = (await service.ask("status"))["ok"]
    return bool(said["bots"][bot]["breaker"] == phase)
