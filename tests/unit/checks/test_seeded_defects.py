"""One line of the shipped fleet is changed: the finding is the expected one, where it belongs.

Each row is one mistake. The place is given by a text that stands only there in the changed file,
so that the fleet can grow without renumbering this table.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from lotabots.checks.run import run
from lotabots.model.load import load

ROOT = Path(__file__).resolve().parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("rules", "graphs")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if path.parent.name != "tests"
}
BUILD, TEST, DEPLOY, MONITOR = (
    f"rules/bots/{name}bot.yaml" for name in ("build", "test", "deploy", "monitor")
)
EVENTS, GATES, EDGES = "rules/events.yaml", "rules/gates.yaml", "graphs/dependencies.yaml"


class Defect(NamedTuple):
    code: str
    path: str
    old: str
    new: str
    where: str = ""
    """Stands in the line of the finding; `new` if empty."""
    found_in: str = ""
    """The file of the finding, if not `path`."""
    also: frozenset[str] = frozenset()
    """Other codes that the mistake has, because it breaks an invariant, too."""


DEFECTS = [
    Defect("LB101", BUILD, "pattern: change.pushed", "pattern: change.pused"),
    Defect("LB101", BUILD, "- {type: build.failed", "- {type: build.faild"),
    Defect("LB101", BUILD, "event: build.failed", "event: build.faild"),
    Defect(
        "LB101", EDGES, "to: TestBot, via: [build.completed]", "to: TestBot, via: [build.compl]"
    ),
    Defect("LB102", BUILD, "destination: TestBot}", "destination: TestBott}"),
    Defect("LB102", DEPLOY, "from: gate.rollback", "from: gate.rolback"),
    Defect("LB102", EDGES, "{from: BuildBot, to: TestBot,", "{from: BuildBot, to: TestBott,"),
    Defect("LB103", DEPLOY, "  - deploy.rollback ", "  - deploy.rolback "),
    Defect("LB103", DEPLOY, "capability: deploy.rollback", "capability: deploy.rolback"),
    Defect("LB106", EVENTS, "emitters: [BuildBot]", "emitters: []", "type: build.", BUILD),
    Defect("LB106", EVENTS, "emitters: [BuildBot]", "emitters: [BuildBot, LogBot]"),
    Defect("LB108", DEPLOY, "action: rollback}", "action: rolback}"),
    Defect(
        "LB110", EDGES, "  - {from: BuildBot, to: TestBot, ", "  # ", "destination: TestBot}", BUILD
    ),
    Defect(
        "LB111",
        EDGES,
        "edges:\n",
        "edges:\n  - {from: LogBot, to: DeployBot}\n",
        "from: LogBot, to: DeployBot",
    ),
    Defect(
        "LB112",
        BUILD,
        "  - {type: message, event: build.completed, destination: TestBot}\n",
        "",
        "pattern: build.completed",
        TEST,
    ),
    Defect(
        "LB123",
        DEPLOY,
        'payload.environment == "staging"',
        'payload.environment == "production"',
        "from: gate.release-staging",
    ),
    Defect("LB201", DEPLOY, "'payload.action == \"rollback\"'", "'payload.action = \"rollback\"'"),
    Defect("LB202", DEPLOY, "'payload.action == \"rollback\"'", "'payload.actoin == \"rollback\"'"),
    Defect("LB203", DEPLOY, "'payload.action == \"rollback\"'", "'payload.action == \"rolback\"'"),
    Defect(
        "LB204",
        DEPLOY,
        "'payload.action == \"rollback\"'",
        '\'payload.action == "rollback" && payload.action == "deploy"\'',
    ),
    Defect("LB302", DEPLOY, "  - deploy.rollback ", "  # ", "capability: deploy.rollback"),
    Defect("LB601", TEST, "may_cause: [deploy]\n", "", "deny: deploy"),
    Defect(
        "LB701",
        GATES,
        "environment: staging, ",
        "",
        "emit: deploy.requested",
        also=frozenset(("LB911",)),
    ),
    Defect("LB701", GATES, "service: $test.repository", "service: $test.repo"),
    Defect(
        "LB702",
        DEPLOY,
        "{type: deploy.started, set: {action: $action",
        "{type: deploy.started, set: {acton: $action",
    ),
]


def test_the_shipped_fleet_is_clean():
    assert findings(FILES) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: f"{d.code}: {d.new or d.old}"[:60])
def test_a_mistake_is_found_where_it_is(defect: Defect):
    assert defect.old in FILES[defect.path], "the fleet has changed: adapt this row"
    changed = FILES[defect.path].replace(defect.old, defect.new, 1)
    files = FILES | {defect.path: changed}
    path = defect.found_in or defect.path
    found = findings(files)
    assert {code for code, _, _ in found} == {defect.code, *defect.also}
    lines = files[path].splitlines()
    places = [lines[line - 1] for _, at, line in found if at == path]
    assert any((defect.where or defect.new) in line for line in places)


def findings(files: dict[str, str]) -> list[tuple[str, str, int]]:
    checked = run(load({path: text.encode() for path, text in files.items()}))
    return [
        (found.code, found.primary.span.path, found.primary.span.line)
        for found in checked.diagnostics
    ]
