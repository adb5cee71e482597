"""A small fleet as text, its policy, and events for it: what tests of decisions start from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lotabots.checks.run import run
from lotabots.model.envelope import Stamp
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.decide import decide_bytes
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.policy.decision import Step, Verdict
    from lotabots.policy.rules import Policy

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

FILES = {
    "rules/fleet.yaml": """\
fleet: {name: small, version: 1.0.0, max_hops: 4, max_age: 1h, rollout: core}
categories: {development: all of it}
phases: [{name: core, doc: first}, {name: late, doc: second}]
""",
    "rules/capabilities.yaml": """\
capabilities:
  build.run: compile
  test.run: {doc: test, implies: [machine.use]}
  machine.use: take a machine
  code.modify: write code
  code.modify.formatting: format code
  deploy.staging: put on staging
  deploy.production: put into production
  chat.send: tell people
""",
    "rules/events.yaml": """\
types:
  change: {fields: {id: string, "note?": string}}
events:
  change.pushed:
    doc: a commit came
    external: true
    emitters: [ingress.git, cli.*]
    payload: {repository: string, change: change}
  build.completed:
    doc: a build is done
    emitters: [BuildBot]
    payload:
      repository: string
      change: change
      outcome: {enum: [success, failure]}
      checked: {type: integer, min: 1}
      ratio: {type: number, min: 0, max: 1}
      "branch?": string
  test.completed:
    doc: tests are done
    emitters: [TestBot]
    payload: {repository: string, change: change, outcome: {enum: [success, failure]}}
  approval.granted:
    doc: a person agreed
    external: true
    approval: true
    emitters: [cli.*]
    payload: {repository: string, change: change}
  deploy.requested:
    doc: a gate opened
    emitters: [gate.release, gate.unapproved]
    payload: {repository: string, change: change, environment: string}
  build.slow:
    doc: nobody cares
    emitters: [BuildBot]
    terminal: true
    payload: {}
""",
    "rules/bots/buildbot.yaml": """\
bot: {name: BuildBot, version: 1.0.0, category: development, phase: core, responsibility: builds}
scope: [build.run]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, capability: build.run, command: build, emits: [build.completed, build.slow]}
outputs:
  - {type: message, event: build.completed, destination: TestBot}
  - {type: message, event: build.completed, destination: LintBot}
  - {type: message, event: build.completed, destination: ChatBot}
""",
    "rules/bots/testbot.yaml": """\
bot: {name: TestBot, version: 1.0.0, category: development, phase: core, responsibility: tests}
scope: [test.run]
boundaries: [{deny: code.modify, reason: does not fix, delegate: LintBot}]
triggers:
  - type: event
    pattern: build.completed
    from: BuildBot
    when: payload.outcome == "success" && payload.ratio >= 0.8
    action: test
  - {type: schedule, cron: "0 3 * * *", action: test}
actions:
  - {name: test, capability: test.run, command: test, emits: [test.completed]}
constraints: {max_queued_jobs: 10, breaker: {failures: 2, window: 10m, cooldown: 60s}}
outputs:
  - {type: message, event: test.completed, destination: gate.release}
  - {type: message, event: test.completed, destination: gate.unapproved}
""",
    "rules/bots/lintbot.yaml": """\
bot: {name: LintBot, version: 1.0.0, category: development, phase: late, responsibility: formats}
scope: [code.modify.formatting]
boundaries: [{deny: code.modify, except: [code.modify.formatting]}]
triggers: [{type: event, pattern: build.*, from: BuildBot, when: 'has(payload.branch)'}]
actions: [{name: format, capability: code.modify.formatting, command: format}]
""",
    "rules/bots/chatbot.yaml": """\
bot: {name: ChatBot, version: 1.0.0, category: development, phase: core, responsibility: talks}
scope: [chat.send]
triggers: [{type: event, pattern: build.completed, when: 'event.priority == "high"'}]
actions: [{name: tell, capability: chat.send, command: tell}]
""",
    "rules/bots/deploybot.yaml": """\
bot: {name: DeployBot, version: 1.0.0, category: development, phase: core, responsibility: deploys}
scope: [deploy]
boundaries: [{deny: deploy.production, unless: approval, reason: a person must agree}]
triggers:
  - type: event
    pattern: deploy.requested
    when: payload.environment == "production"
    action: produce
actions:
  - {name: produce, capability: deploy.production, command: produce}
""",
    "rules/gates.yaml": """\
gates:
  - name: release
    all:
      - {pattern: test.completed, when: 'payload.outcome == "success"', as: test}
      - {pattern: approval.granted}
    join_on: [payload.repository, payload.change.id]
    within: 30m
    max_pending: 3
    then: {emit: deploy.requested, set: {environment: production}}
  - name: unapproved
    all:
      - {pattern: test.completed, when: 'payload.outcome == "failure"'}
    join_on: [payload.repository, payload.change.id]
    within: 30m
    then: {emit: deploy.requested, set: {environment: production}}
""",
    "graphs/dependencies.yaml": """\
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
  - {from: BuildBot, to: LintBot, via: [build.completed]}
  - {from: BuildBot, to: ChatBot}
  - {from: TestBot, to: gate.release}
  - {from: TestBot, to: gate.unapproved}
  - {from: gate.release, to: DeployBot}
  - {from: gate.unapproved, to: DeployBot}
""",
}
"""A fleet in which most things go well; tests change what they are about."""

PAYLOADS: dict[str, dict[str, Any]] = {
    "change.pushed": {"repository": "r", "change": {"id": "c1"}},
    "build.completed": {
        "repository": "r",
        "change": {"id": "c1"},
        "outcome": "success",
        "checked": 3,
        "ratio": 0.9,
    },
    "test.completed": {"repository": "r", "change": {"id": "c1"}, "outcome": "success"},
    "approval.granted": {"repository": "r", "change": {"id": "c1"}},
    "deploy.requested": {"repository": "r", "change": {"id": "c1"}, "environment": "production"},
    "build.slow": {},
}


def policy_of(changes: Mapping[str, str | None] | None = None) -> Policy:
    """The policy of `FILES` with some files replaced, added or (None) left out."""
    files = {**FILES, **(changes or {})}
    return compile_policy(run(load({p: t.encode() for p, t in files.items() if t is not None})))


def edited(path: str, *changes: tuple[str, str]) -> dict[str, str]:
    """One file of `FILES` with words replaced; each must be there."""
    text = FILES[path]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {path: text}


def raw_event(kind: str, source: str, /, **members: Any) -> bytes:  # noqa: ANN401 - JSON
    """An event as bytes: a good one of its kind, but for `members`."""
    envelope = {
        "id": "e1",
        "timestamp": NOW.isoformat(),
        "source": source,
        "type": kind,
        "payload": PAYLOADS.get(kind, {}),
        **members,
    }
    return json.dumps(envelope).encode()


def stamp_of(source: str, **members: Any) -> Stamp:  # noqa: ANN401 - any member of a stamp
    """The engine's stamp on an event that `source` sent and that came just now."""
    return Stamp(**{"source": source, "received": NOW, **members})


def step_of(policy: Policy, kind: str, source: str, /, **members: Any) -> Step:  # noqa: ANN401 - JSON
    """The step for an event of a fleet at rest."""
    return decide_bytes(policy, State(), raw_event(kind, source, **members), stamp_of(source), NOW)


def verdicts_of(policy: Policy, kind: str, source: str, /, **members: Any) -> dict[str, Verdict]:  # noqa: ANN401 - JSON
    """The verdicts for an event of a fleet at rest, by target."""
    found = step_of(policy, kind, source, **members).decision.verdicts
    return {verdict.target: verdict for verdict in found}


def later(**duration: int) -> datetime:
    """A moment after `NOW`."""
    return NOW + timedelta(**duration)
