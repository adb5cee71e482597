"""A result says which tools it was made with; the engine knows which tools the run had."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Raw

from lotabots.model.load import load
from lotabots.policy.contract import Cause, Job, Violation, compile_contracts
from lotabots.runtime.attempt import Runner
from lotabots.runtime.ports import RunReport

if TYPE_CHECKING:
    from lotabots.runtime.attempt import Result
    from lotabots.runtime.ports import OnLine

OURS, OTHER = "sha256:" + "0" * 64, "sha256:" + "1" * 64
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILES = {
    "rules/fleet.yaml": "fleet: {name: t, version: 1.0.0}\nphases: [{name: core, doc: x}]\n",
    "rules/capabilities.yaml": "capabilities: {work: x}\n",
    "rules/events.yaml": """
events:
  work.asked: {doc: x, external: true, emitters: [cli.*], payload: {}}
  work.begun: {doc: x, emitters: [WorkBot], payload: {}}
  work.done:
    doc: x
    emitters: [WorkBot]
    payload: {"tool?": {fields: {name: string, "digest?": {type: string, format: digest}}}}
""",
    "rules/bots/workbot.yaml": """
bot: {name: WorkBot, version: 1.0.0, phase: core}
triggers: [{type: event, pattern: work.asked}]
actions: [{name: work, command: work, emits: [work.begun, work.done]}]
""",
}
JOB = Job(
    job="j",
    bot="WorkBot",
    action="work",
    event=Cause("e", "work.asked", "cli.ann", NOW, Raw(b"{}")),
    decision="d",
    policy="p",
)


class Says:
    """An executor whose run has the toolbox `tool` and says `payload`."""

    def __init__(self, tool: str, payload: dict[str, Any], *, status: int = 0) -> None:
        self.tool, self.payload, self.status = tool, payload, status

    def refusal(self, _bot: str, _action: str, /) -> str:
        return ""

    async def run(self, _job: Job, /, *, on_line: OnLine) -> RunReport:
        for kind, payload in (("work.begun", {}), ("work.done", self.payload)):
            line = {"type": kind, "payload": payload}
            await on_line(json.dumps(line).encode(), _keep)
        return RunReport(status=self.status, tool=self.tool)


async def _keep(artifact: Any) -> Any:  # noqa: ANN401 - never called
    raise AssertionError(artifact)


class Noon:
    def now(self) -> datetime:
        return NOW


async def ran(tool: str, payload: dict[str, Any], *, status: int = 0) -> Result:
    loaded = load({path: text.encode() for path, text in FILES.items()})
    assert not loaded.fleet.broken
    contracts = compile_contracts(loaded.fleet)
    executor = Says(tool, payload, status=status)
    return await Runner(contracts, executor, clock=Noon(), key=b"k").run(JOB)


@pytest.mark.parametrize(
    ("tool", "payload"),
    [(OURS, {"tool": {"name": "x", "digest": OURS}}), (OURS, {"tool": {"name": "x"}}), ("", {})],
)
async def test_a_result_with_the_digest_of_its_run_is_published(tool: str, payload: dict[str, Any]):
    result = await ran(tool, payload)
    assert (result.fault, len(result.events)) == (None, 2)


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (OURS, f"`tool.digest` is {OTHER}, but this run had the toolbox {OURS}"),
        ("", f"`tool.digest` is {OTHER}, but this run had no toolbox"),
    ],
)
async def test_a_result_in_the_name_of_other_tools_is_refused_whole(tool: str, reason: str):
    result = await ran(tool, {"tool": {"name": "x", "digest": OTHER}})
    assert result.fault is not None
    assert (result.fault.code, result.fault.reason) == ("LR409", f"line 2: {reason}")
    assert result.fault.final
    assert result.lines.violations == [Violation("LR409", 2, reason)]
    assert result.events == ()


async def test_a_run_that_failed_is_called_failed_whatever_tools_it_names():
    result = await ran(OURS, {"tool": {"name": "x", "digest": OTHER}}, status=3)
    assert result.fault is not None
    assert (result.fault.code, result.fault.final) == ("LR405", False)
