"""A person sees what waits and approves it: the command line, the service, the real server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from operators import operated, typed
from running import FILES, SENDER, Running, lay_out, running, until

if TYPE_CHECKING:
    from pathlib import Path

ASKING: dict[str, str] = {
    **FILES,
    "rules/events.yaml": FILES["rules/events.yaml"].replace(
        "ship.done:",
        """\
word.given:
    doc: a person agrees
    external: true
    approval: true
    emitters: [cli.*]
    payload: {n: integer, purpose: {enum: [ship, keep]}, approver: string, "comment?": string}
  ship.done:""",
    ),
    "rules/gates.yaml": FILES["rules/gates.yaml"].replace(
        "from: CheckBot, as: checked}\n",
        """from: CheckBot, as: checked}
      - {pattern: word.given, as: word, when: 'payload.purpose == "ship"'}
""",
    ),
}


async def gates(service: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await service.ask("status"))["ok"]["gates"]
    return rows


async def test_what_waits_for_a_person_is_shown_and_approved_as_it_is_shown(tmp_path: Path):
    root = lay_out(tmp_path, ASKING)
    as_ann = ("--as", SENDER)

    async def wait_for_a_person() -> bool:
        return [len(row["has"]) for row in await gates(service)] == [2, 2]

    async with operated(root) as service:
        said = await typed(root, "approve", *as_ann)
        assert (said.exit_code, said.output) == (0, "nothing waits for a person\n")
        for n in (1001, 1002):
            await service.emit("make.asked", {"n": n})
        await until(wait_for_a_person)

        rows = {row["key"]["payload.n"]: row for row in await gates(service)}
        row = rows[1001]
        assert (row["gate"], row["missing"]) == ("gate.pair", ["word.given"])
        assert [one["part"] for one in row["has"]] == ["made", "checked"]
        assert row["approval"] == {
            "event": "word.given",
            "payload": {"n": 1001, "purpose": "ship"},
            "needs": ["approver"],
        }
        assert row["name"] == ["pair", "1001"]

        listed = await typed(root, "approve", *as_ann)
        assert "to approve: lotabots approve pair 1001" in listed.output
        vague = await typed(root, "approve", *as_ann, "pair")
        assert (vague.exit_code, "2 that wait are called `pair`" in vague.output) == (2, True)
        mistyped = await typed(root, "approve", *as_ann, "pair", "1003")
        assert mistyped.exit_code == 1
        assert "nothing that is called `pair 1003` waits for a person" in mistyped.output
        assert "lotabots approve pair 1001" in mistyped.output
        unnamed = await typed(root, "approve", *as_ann, "1001")
        assert (unnamed.exit_code, "name the gate as well" in unnamed.output) == (2, True)
        settled = await typed(root, "approve", *as_ann, "pair", "1001", "--set", "n=5")
        assert (settled.exit_code, "`n` is settled" in settled.output) == (2, True)
        misfit = await typed(root, "approve", *as_ann, "pair", "1001", "--set", "extra=5")
        assert (misfit.exit_code, "does not fit `word.given`" in misfit.output) == (1, True)
        assert await service.count("LB_EVENTS", "lb.ev.cli.ann.word.given") == 0

        done = await typed(root, "approve", *as_ann, "pair", "1001", "--comment", "looks good")
        assert done.exit_code == 0, done.output
        await service.until_count(1, "LB_OUTCOMES", "lb.out.done.ShipBot.>")
        (word,) = await service.bodies("LB_EVENTS", "lb.ev.cli.ann.word.given")
        (ready,) = await service.bodies("LB_EVENTS", "lb.ev.gate.pair.>")
        assert [row["key"]["payload.n"] for row in await gates(service)] == [1002]
    assert word["payload"] == {
        "n": 1001, "purpose": "ship", "approver": "ann", "comment": "looks good"
    }  # fmt: skip
    assert ready["payload"] == {"n": 1001}


async def test_a_new_service_knows_what_waits_from_the_events_alone(tmp_path: Path):
    root = lay_out(tmp_path, ASKING)

    async def waits() -> bool:
        return [len(row["has"]) for row in await gates(service)] == [2]

    async with running(root) as service:
        await service.emit("make.asked", {"n": 5})
        await until(waits)
        before = await gates(service)
    async with running(root, roles=("engine",)) as service:
        assert json.dumps(await gates(service)) == json.dumps(before)


NAMED: dict[str, str] = {
    **FILES,
    "rules/events.yaml": FILES["rules/events.yaml"].replace(
        "ship.done:",
        """\
word.given: {doc: a yes, external: true, approval: true, emitters: [cli.*], payload: {name: string}}
  it.asked: {doc: a wish, external: true, emitters: [cli.*], payload: {name: string}}
  it.granted: {doc: go, emitters: [gate.wish], terminal: true, payload: {name: string}}
  ship.done:""",
    ),
    "rules/gates.yaml": FILES["rules/gates.yaml"]
    + """\
  - name: wish
    doc: What a person may grant
    all: [{pattern: it.asked, from: cli.*}, {pattern: word.given, from: cli.*}]
    join_on: [payload.name]
    within: 1h
    then: {emit: it.granted}
""",
}


async def test_keys_as_long_as_may_be_leave_an_answer(tmp_path: Path):
    root = lay_out(tmp_path, NAMED)

    async def all_wait() -> bool:
        said = (await service.ask("approvals"))["ok"]
        return len(said["approvals"]) + int(said["left_out"]) == 121

    async with running(root) as service:
        await service.emit("it.asked", {"name": "the first"})
        for n in range(120):
            await service.emit("it.asked", {"name": f"{n} ".ljust(4096, "x")})
        await until(all_wait)
        said = (await service.ask("status"))["ok"]
        assert 0 < len(said["gates"]) < 120
        assert len(said["gates"]) + said["gates_left_out"]["gate.wish"] == 121
        ann = await service.client("CLI_ann")
        answer = await ann.request("api.approvals", b'{"words": ["wish", "the first"]}', timeout=10)
        (row,) = json.loads(answer.data)["ok"]["approvals"]
        assert row["key"] == {"payload.name": "the first"}
