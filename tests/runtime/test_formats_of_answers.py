"""What the commands that ask the running service print as JSON is what is documented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from formats import closed
from operators import operated, typed
from running import FILES, SENDER, lay_out, until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FLEET: dict[str, str] = {
    **FILES,
    "lotabots.yaml": f"outside: [cli.bob, {SENDER}]\n"
    'services: {shop: {run: shop, environments: {staging: {listen: "127.0.0.1:1"}}}}\n',
    "rules/events.yaml": FILES["rules/events.yaml"].replace(
        "ship.done:",
        """\
word.given:
    doc: a person agrees
    external: true
    approval: true
    emitters: [cli.*]
    payload: {n: integer}
  ship.done:""",
    ),
    "rules/gates.yaml": FILES["rules/gates.yaml"].replace(
        "from: CheckBot, as: checked}\n",
        "from: CheckBot, as: checked}\n      - {pattern: word.given, as: word}\n",
    ),
}


async def test_every_answer_is_what_its_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lotabots.cli.service.user_source", lambda: SENDER)
    root = lay_out(tmp_path, FLEET)

    async def printed(name: str, *words: str) -> dict[str, Any]:
        done = await typed(root, *words, "--format", "json")
        assert done.exit_code == 0, done.output
        said: dict[str, Any] = json.loads(done.stdout)
        closed(name).validate(said)
        assert said["version"] == 1
        return said

    async def ended() -> bool:
        return await service.count("LB_OUTCOMES") == 4

    async with operated(root) as service:
        good = await service.emit("make.asked", {"n": 1})
        bad = await service.emit("make.asked", {"n": 2, "plan": "break"})
        tired = await service.emit("slow.asked", {"n": 3, "plan": "fail 1"})
        await until(ended)
        for switch in (["disable", "ShipBot"], ["rollout", "core"]):
            assert (await typed(root, *switch, "--reason", "x")).exit_code == 0
        refused = await service.emit("slow.asked", {"n": "none"})
        await service.until_count(1, "LB_OUTCOMES", "lb.out.dead.>")

        stands = await printed("status", "status")
        assert stands["bots"]["ShipBot"]["disabled"]["reason"] == "x"
        assert [row["approval"]["event"] for row in stands["gates"]] == ["word.given"]
        assert [one["running"] for one in stands["services"]] == [False]
        assert (await printed("approve", "approve"))["approvals"] == stands["gates"]
        spans = (await printed("trace", "trace", good))["spans"]
        assert {span["kind"] for span in spans} == {"event", "job"}
        (dead,) = (await printed("why", "why", bad))["jobs"]
        assert dead["outcome"]["message"]["event"]["id"] == bad
        (twice,) = (await printed("why", "why", tired))["jobs"]
        assert len(twice["attempts"]) == 4
        assert (await printed("why", "why", refused))["event"]["verdicts"][0]["code"] == "LR006"
        (letter,) = (await printed("dlq", "dlq", "list"))["dead_letters"]
        shown = await typed(root, "dlq", "show", letter["job"])
        assert json.loads(shown.stdout) == {"version": 1, **letter}
