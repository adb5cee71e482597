"""Sound fleets of any size: the same number gives the same files, byte for byte.

A team is 15 bots and a gate that work on one service: a commit is built, tested, linted and
scanned; when all agree, the gate lets it be deployed; what is deployed is watched, logged, backed
up. Teams share the event types and are told apart by ``from:`` and by the service in a condition.
The file of a bot has the parts, the styles and the size (about 50 lines) of this repository's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Role(NamedTuple):
    """A bot of each team. It answers `awaits` of the role `source` with ``<verb>.completed``.

    `condition` holds beside the one on the service; `hears` are the roles it sends the answer to.
    """

    name: str
    awaits: str
    source: str
    condition: str
    hears: tuple[str, ...] = ()

    @property
    def verb(self) -> str:
        """The first token of its capability and of its events."""
        return self.name.lower()

    @property
    def emits(self) -> str:
        """The event that it answers with."""
        return f"{self.verb}.completed"


GATE = "gate"
SUCCESS = 'payload.outcome == "success"'
ROLES = (
    Role(
        "Build",
        "change.pushed",
        "",
        'payload.change.ref.startsWith("refs/heads/")',
        ("Test", "Lint", "Scan", "Review", "Docs"),
    ),
    Role("Test", "build.completed", "Build", SUCCESS, (GATE, "Coverage")),
    Role("Lint", "build.completed", "Build", SUCCESS, (GATE,)),
    Role("Scan", "build.completed", "Build", SUCCESS, (GATE,)),
    Role("Review", "build.completed", "Build", "payload.checked >= 1"),
    Role("Docs", "build.completed", "Build", 'payload.outcome in ["success", "failure"]'),
    Role("Coverage", "test.completed", "Test", "payload.checked > 100"),
    Role("Deploy", "deploy.requested", GATE, SUCCESS, ("Monitor", "Log", "Backup")),
    Role("Monitor", "deploy.completed", "Deploy", SUCCESS, ("Incident", "Scale")),
    Role("Log", "deploy.completed", "Deploy", 'payload.outcome != "cancel"'),
    Role("Backup", "deploy.completed", "Deploy", SUCCESS, ("Restore",)),
    Role("Incident", "monitor.completed", "Monitor", 'payload.outcome == "failure"', ("Notify",)),
    Role("Scale", "monitor.completed", "Monitor", SUCCESS),
    Role("Restore", "backup.completed", "Backup", "payload.checked >= 1 && payload.checked <= 9"),
    Role("Notify", "incident.completed", "Incident", 'payload.outcome != "cancel"'),
)
TEAM = len(ROLES)


def write_fleet(root: Path, bots: int) -> list[Path]:
    """Write the workspace of a fleet of `bots` bots (whole teams) to `root`; the files."""
    files = fleet(bots // TEAM)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [root / name for name in files]


def fleet(teams: int) -> dict[str, str]:
    """The files of a fleet of so many teams, by path."""
    files = {
        "rules/fleet.yaml": FLEET,
        "rules/capabilities.yaml": _capabilities(),
        "rules/events.yaml": _events(teams),
        "rules/gates.yaml": "gates:\n" + "".join(_gate(team) for team in range(teams)),
        "graphs/dependencies.yaml": "edges:\n" + "".join(_edges(team) for team in range(teams)),
    }
    for team in range(teams):
        for role in ROLES:
            files[f"rules/bots/{role.verb}{team}bot.yaml"] = _bot(role, team)
    return files


FLEET = """\
fleet: {name: workload, version: 1.0.0, max_hops: 16, max_age: 24h, correlator: python}
categories: {development: Code quality, operations: Runtime}
phases: [{name: core, doc: Everything}]
"""

BOT = """\
# {name}: answers {awaits} of its team with {emits}.
bot:
  name: {name}
  version: 1.0.0
  enabled: true
  category: {category}
  phase: core
  responsibility: {role} for the service of team {team}

scope:
  - {{capability: {verb}.run, on: "service-{team}/*"}}        # its own service only
  - {{capability: {verb}.report, on: "service-{team}/*"}}

boundaries:
  - {{deny: code.modify, reason: does not modify code}}
  - {{deny: secrets.read, on: "vault/*", reason: does not read secrets of others}}

triggers:
  - type: event
    pattern: {awaits}{source}
    when: 'payload.service == "service-{team}" && {condition}'
    action: {verb}

actions:
  - name: {verb}
    type: execute
    capability: {verb}.run
    on: "service-{team}/*"
    command: {verb}
    consumes: [source]
    emits:
      # The engine copies what was looked at: a result cannot speak for another commit.
      - {{type: {emits}, set: {{service: service-{team}, change: $change}}}}
      - {{type: {verb}.failed, set: {{service: service-{team}, change: $change}}}}
    grants:
      read: ["{{source}}", "{{toolbox:{verb}}}"]
      write: ["{{out}}"]
      exec: ["{{toolbox:{verb}}}"]
      memory: 512MiB
      processes: 16
      cpu: 600s
      disk: 1GiB

constraints:
  max_concurrent_jobs: 2
  timeout: 15m
  retry_policy: {{max_attempts: 2, backoff: exponential, initial: 5s, max: 1m}}
  breaker: {{failures: 5, window: 10m, cooldown: 60s}}

dependencies: [{dependencies}]
{outputs}"""

EVENT = """\
  {name}:
    doc: {doc}
    {flag}: true
    emitters: [{emitters}]
    payload: {{service: name, change: change, outcome: outcome, checked: count, "note?": text}}
"""

TYPES = """\
types:
  name: {type: string, max_length: 128}
  text: {type: string, max_length: 1024}
  count: {type: integer, min: 0}
  outcome: {enum: [success, failure, error, cancel]}
  change: {fields: {id: {type: string, format: commit}, ref: {type: string, max_length: 255}}}
artifacts:
  source: {doc: A commit of a repository, external: true}
events:
"""

GATE_OF_TEAM = """\
  - name: {name}
    doc: What is tested, linted and scanned may be deployed
    all:
{parts}    join_on: [payload.service, payload.change.id]
    within: 1h
    then: {{emit: deploy.requested, set: {{{fields}}}}}
"""


def _name(role: str, team: int) -> str:
    return f"gate.release-{team}" if role == GATE else f"{role}{team}Bot"


def _bot(role: Role, team: int) -> str:
    rows = [
        f"  - {{type: message, event: {role.emits}, destination: {_name(other, team)}}}\n"
        for other in role.hears
    ]
    return BOT.format(
        name=_name(role.name, team),
        role=role.name,
        team=team,
        verb=role.verb,
        awaits=role.awaits,
        emits=role.emits,
        category="development" if role.awaits == "build.completed" else "operations",
        source=f"\n    from: {_name(role.source, team)}" if role.source else "",
        condition=role.condition,
        dependencies="" if role.source in ("", GATE) else _name(role.source, team),
        outputs="\noutputs:\n" + "".join(rows) if rows else "",
    )


def _edges(team: int) -> str:
    rows = [(role.name, other, role.emits) for role in ROLES for other in role.hears]
    rows.append((GATE, "Deploy", "deploy.requested"))
    return "".join(
        f"  - {{from: {_name(source, team)}, to: {_name(target, team)}, via: [{event}]}}\n"
        for source, target, event in rows
    )


def _gate(team: int) -> str:
    parts = [
        f"      - {{pattern: {role.emits}, from: {_name(role.name, team)}, as: {role.verb}, "
        f"when: 'payload.service == \"service-{team}\" && {SUCCESS}'}}\n"
        for role in ROLES
        if GATE in role.hears
    ]
    fields = "change: $test.change, outcome: success, checked: $test.checked"
    return GATE_OF_TEAM.format(name=f"release-{team}", parts="".join(parts), fields=fields)


def _events(teams: int) -> str:
    found = [
        EVENT.format(
            name="change.pushed", doc="A commit arrived", flag="external", emitters="ingress.git"
        ),
        _event("deploy.requested", "A commit may be deployed", GATE, teams, terminal=False),
    ]
    for role in ROLES:
        done, lost = f"{role.name} ran to its end", f"{role.name} did not"
        found.append(_event(role.emits, done, role.name, teams, terminal=not role.hears))
        found.append(_event(f"{role.verb}.failed", lost, role.name, teams, terminal=True))
    return TYPES + "".join(found)


def _event(name: str, doc: str, role: str, teams: int, *, terminal: bool) -> str:
    text = EVENT.format(
        name=name,
        doc=doc,
        flag="terminal",
        emitters=", ".join(_name(role, team) for team in range(teams)),
    )
    return text if terminal else text.replace("    terminal: true\n", "")


def _capabilities() -> str:
    rows = ["capabilities:\n  code.modify: Change code\n  secrets.read: Read secrets\n"]
    for role in ROLES:
        rows.append(f"  {role.verb}.run: {{doc: {role.name} a commit, implies: []}}\n")
        rows.append(f"  {role.verb}.report: Say what {role.verb} found\n")
    return "".join(rows)
