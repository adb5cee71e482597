"""Operators disable and enable bots and move the rollout: in every engine, on record, for good."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.switches import SUBJECT, Switchboard, Word
from lotabots.service.wire import ENGINE, Service
from lotabots.service.workspace import open_workspace
from memory_streams import KilledError, Streams
from operators import logged, operated, ordered, typed
from running import FILES, SENDER, Running, lay_out, running, until

if TYPE_CHECKING:
    from pathlib import Path

AS_ANN = ("--as", SENDER)
WHY = "fills the disk"
PHASES: dict[str, str] = {
    **FILES,
    "rules/fleet.yaml": FILES["rules/fleet.yaml"]
    .replace("rollout: core", "rollout: late")
    .replace("doc: all}]", "doc: all}, {name: late, doc: more}]"),
    "rules/bots/slowbot.yaml": FILES["rules/bots/slowbot.yaml"].replace(
        "phase: core", "phase: late"
    ),
}


async def bot(service: Running, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.ask("status"))["ok"]["bots"][name]
    return found


async def verdict_of(service: Running, event: str) -> dict[str, Any]:
    """The only verdict on an event, once it is decided."""
    while True:
        said = await service.ask("trace", event)
        verdicts = said.get("ok", {"spans": [{}]})["spans"][0].get("verdicts")
        if verdicts:
            (verdict,) = verdicts
            return dict(verdict)
        await asyncio.sleep(0.05)


async def test_a_disabled_bot_ends_what_runs_and_begins_nothing_until_it_is_enabled(
    tmp_path: Path,
):
    root = lay_out(tmp_path)

    async def begun() -> int:
        return sum(row[0] == "begin" for row in service.executor.notes())

    async def one_runs_and_one_is_queued() -> bool:
        slow = await bot(service, "SlowBot")
        return (slow["running"], slow["queued"]) == (1, 1)

    async with operated(root) as service:
        for n in (1, 2):
            await service.emit("slow.asked", {"n": n, "plan": "wait 1"})
        await until(one_runs_and_one_is_queued)
        done = await typed(root, "disable", "SlowBot", "--reason", WHY, *AS_ANN)
        assert (done.exit_code, done.output) == (0, f"SlowBot is disabled, by {SENDER}: {WHY}\n")
        late = await service.emit("slow.asked", {"n": 3})
        refused = await verdict_of(service, late)
        assert (refused["code"], refused["reason"]) == (
            "LR201", f"`SlowBot` is disabled by {SENDER}: {WHY}"
        )  # fmt: skip
        await service.until_count(1, "LB_OUTCOMES", "lb.out.done.SlowBot.>")
        stands = await bot(service, "SlowBot")
        assert (stands["in_service"], stands["disabled"]["by"]) == (False, SENDER)
        assert stands["disabled"]["reason"] == WHY

    # The next start, and the job that waits.
    async with operated(root) as service:
        again = await verdict_of(service, await service.emit("slow.asked", {"n": 4}))
        assert again["code"] == "LR201"
        assert await begun() == 1
        assert (await bot(service, "SlowBot"))["running"] <= 1
        done = await typed(root, "enable", "SlowBot", *AS_ANN)
        assert (done.exit_code, done.output) == (0, f"SlowBot is enabled, by {SENDER}\n")
        await service.until_count(2, "LB_OUTCOMES", "lb.out.done.SlowBot.>")
        taken = await verdict_of(service, await service.emit("slow.asked", {"n": 5}))
        assert taken["verdict"] == "dispatch"
        assert (await bot(service, "SlowBot"))["disabled"] is None
        words = await logged(root, "lb.ctl.engine.bot.SlowBot", 2)
    assert [(word["by"], word["reason"], word["disabled"]) for word in words] == [
        (SENDER, WHY, True),
        (SENDER, "", False),
    ]
    assert words[0]["at"] < words[1]["at"]


async def test_every_engine_heeds_a_word_and_says_whose_it_is(tmp_path: Path):
    root = lay_out(tmp_path, PHASES)
    heeding: set[str] = set()

    async def both_refuse() -> bool:
        await service.emit("slow.asked", {"n": 1})
        for record in await service.bodies("LB_DECISIONS", "lb.dec.*"):
            for verdict in record["decision"]["verdicts"]:
                if verdict.get("code") == "LR202":
                    assert verdict["reason"] == (
                        "phase `late` of `SlowBot` is not in service: "
                        f"rollout is `core` by {SENDER}: a step back"
                    )
                    heeding.add(record["engine"])
        return len(heeding) == 2

    async with operated(root) as service:
        other = Service(
            open_workspace(root).checked,
            service.config,
            roles=(ENGINE,),
            join=service.url,
            name="other",
        )
        stop = asyncio.Event()
        async with other:
            task = asyncio.create_task(other.run(stop))
            done = await typed(root, "rollout", "core", "--reason", "a step back", *AS_ANN)
            assert (done.exit_code, done.output) == (
                0, f"the rollout is core, by {SENDER}: a step back\n"
            )  # fmt: skip
            await until(both_refuse)
            said = (await service.ask("status"))["ok"]
            assert (said["rollout"]["phase"], said["rollout"]["rules"]) == ("core", "late")
            assert said["rollout"]["word"]["by"] == SENDER
            assert not said["bots"]["SlowBot"]["in_service"]
            assert said["bots"]["MakeBot"]["in_service"]
            stop.set()
            await task
        done = await typed(root, "rollout", "--rules", *AS_ANN)
        assert done.output == f"the rollout is that of the rules, by {SENDER}\n"
        said = (await service.ask("status"))["ok"]
        assert (said["rollout"]["phase"], said["rollout"]["word"]) == ("late", None)
        words = await logged(root, "lb.ctl.engine.rollout", 2)
    assert [(one["by"], one["phase"], one["reason"]) for one in words] == [
        (SENDER, "core", "a step back"),
        (SENDER, "", ""),
    ]


async def test_what_cannot_be_ordered_is_refused_with_the_cure(tmp_path: Path):
    slow = FILES["rules/bots/slowbot.yaml"].replace("phase: core", "phase: core, enabled: false")
    root = lay_out(tmp_path, {**PHASES, "rules/bots/slowbot.yaml": slow})
    cases = [
        (["disable", "Makebot", "--reason", "x"], 1, "`Makebot`; did you mean `MakeBot`?"),
        (["disable", "MakeBot", "--reason", " "], 2, "a bot is disabled for a reason"),
        (["disable", "MakeBot", "--reason", "x" * 501], 2, "at most 500 characters"),
        (["enable", "SlowBot"], 2, "`SlowBot` is disabled by its rule file"),
        (["rollout", "lat"], 1, "`lat`; did you mean `late`? In this order: core, late"),
        (["enable", "MakeBot", "--as", "cli.eve"], 2, "no credentials for `cli.eve`"),
    ]  # fmt: skip
    async with operated(root) as service:
        for words, code, said in cases:
            done = await typed(root, *words, *(() if "--as" in words else AS_ANN))
            assert (done.exit_code, said in done.output) == (code, True), done.output
        assert await service.count("LB_CONTROL", "lb.ctl.engine.bot.>") == 0
        assert await service.count("LB_CONTROL", "lb.ctl.engine.rollout") == 0


SUBJECTS = ("*", ">", "a b", "a..b", "a\r\nPUB lb.ev.gate.pair.pair.ready 2", "a" * 5000)
NONSENSE: list[tuple[str, bytes]] = [
    ("do.rollout", json.dumps({"bot": name, "phase": "core"}).encode())
    for name in ("SlowBot", "Ghost", *SUBJECTS)
] + [
    ("do.redrive", json.dumps({"job": name}).encode())
    for name in ("", "a.*", "é", *SUBJECTS)
] + [
    ("do.disable", json.dumps({"bot": "SlowBot", "reason": reason}).encode())
    for reason in ("a\x1b[2J", "a\u202eb", "a\x00b", "a" * 900_000)
] + [
    ("do.disable", b'{"bot": "SlowBot", "reason": "\xff"}'),
    ("do.disable", b'{"bot": "' + b"a" * 900_000 + b'", "reason": "why"}'),
    ("do.disable", b"[" * 15_000),
    ("api.approvals", json.dumps({"words": ["word"] * 100_000}).encode()),
    ("api.approvals", json.dumps({"words": ["word"] * 1000}).encode()),
    ("api.trace", b'{"id": "' + b"a" * 900_000 + b'"}'),
]  # fmt: skip


async def test_nonsense_is_answered_and_neither_obeyed_nor_the_end_of_orders(tmp_path: Path):
    root = lay_out(tmp_path)
    async with running(root) as service:
        await service.emit("make.asked", {"n": 1, "plan": "break it"})
        await service.until_count(1, "LB_OUTCOMES", "lb.out.dead.>")
        ann = await service.client("CLI_ann")
        for subject, body in NONSENSE:
            answer = json.loads((await ann.request(subject, body, timeout=20)).data)
            assert answer.keys() <= {"error", "unknown"}, (subject, body[:80], answer)
            assert len(str(answer)) < 20_000
        assert await service.count("LB_CONTROL", "lb.ctl.engine.bot.>") == 0
        assert await service.count("LB_CONTROL", "lb.ctl.engine.rollout") == 0
        assert await service.count("LB_CONTROL", "lb.ctl.engine.redrive.>") == 0
        assert (await ordered(service, "enable", bot="SlowBot"))["ok"]["by"] == SENDER


AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def word(bot: str = "MakeBot", *, by: str = "cli.ann", **said: Any) -> Word:  # noqa: ANN401 - of several types
    return Word(by=by, at=AT, bot=bot, **said)


async def test_a_word_counts_only_after_it_is_on_record():
    for writes in range(3):
        streams = Streams()
        streams.writes_left = writes
        board = Switchboard(Ledger(streams, streams, name="test"))
        try:
            await board.say(word(disabled=True))
        except KilledError:
            assert writes < 2
        counts = (await board.read()).bots
        assert len(streams.on("lb.ctl.engine.bot.MakeBot")) >= len(counts)
        assert len(counts) == (1 if writes == 2 else 0)


async def test_a_word_on_record_counts_from_the_next_start_on_whenever_its_engine_was_killed():
    for writes in range(3):
        streams = Streams()
        board = Switchboard(Ledger(streams, streams, name="test"))
        await board.say(word(disabled=True, reason="the first"))
        await board.say(word("", phase="core"))
        streams.writes_left = writes
        with contextlib.suppress(KilledError):
            await board.say(word(by="cli.bob"))
        streams.writes_left = -1
        board = Switchboard(Ledger(streams, streams, name="the next start"))
        switches = await board.catch_up(["MakeBot", "CheckBot"])
        recorded = streams.on("lb.ctl.engine.bot.MakeBot")
        assert switches.bots["MakeBot"].record == recorded[-1].sequence
        assert switches.bots["MakeBot"].disabled is (writes == 0)
        assert switches.phase == "core"
        written = len(streams.messages)
        assert await board.catch_up(["MakeBot", "CheckBot"]) == switches
        assert len(streams.messages) == written


async def test_of_two_words_the_one_whose_record_came_last_counts():
    streams = Streams()
    later = word(disabled=True, reason="the later one", record=99)
    body = json.dumps({"bots": {"MakeBot": _plain(later)}, "rollout": None}).encode()
    await streams.publish_all([Outgoing(SUBJECT, body)])
    board = Switchboard(Ledger(streams, streams, name="test"))
    said = await board.say(word(disabled=False))
    assert said.bots["MakeBot"].reason == "the later one"
    assert (await board.say(word("CheckBot", disabled=True))).bots.keys() == {
        "MakeBot", "CheckBot"
    }  # fmt: skip


async def test_two_operators_at_once_lose_no_word():
    streams = Streams()
    ledger = Ledger(streams, streams, name="test")
    await asyncio.gather(
        *(Switchboard(ledger).say(word(name, disabled=True)) for name in ("ABot", "BBot", "CBot"))
    )
    assert (await Switchboard(ledger).read()).bots.keys() == {"ABot", "BBot", "CBot"}


def _plain(one: Word) -> dict[str, Any]:
    return {
        "by": one.by, "at": one.at.isoformat(), "reason": one.reason, "bot": one.bot,
        "disabled": one.disabled, "phase": one.phase, "record": one.record,
    }  # fmt: skip
