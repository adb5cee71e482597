"""The story: six commits on their way to production, and what became of each."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from nats.errors import Error as NatsError

import audit
import trespass
from commits import CHANGES, GitError, Team
from lotabots.adapters.files.auditlog import AuditLogError
from people import CHAT, MAIL, listening
from service import POLL_S, RefusedError, running, until
from traffic import Customers
from words import PRODUCTION, STAGING, deployed, ending, events, jobs
from workspace import (
    LOTABOTS,
    ROOT,
    SHOP,
    TOOLBOXES,
    FailedError,
    call,
    free_ports,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit import Audited
    from commits import Change, Pushed
    from people import Message, People
    from progress import Pipe
    from service import Operator, Running
    from trespass import Trespass
    from words import Span
    from workspace import Workspace

FAILURES = (FailedError, GitError, AuditLogError, RefusedError, NatsError, OSError)
"""What ends the story with the reason, rather than with a trace of calls."""

LONGEST_S = 180.0
"""How long the story of one commit may take."""

RESULTS = ("lint.completed", "security.completed", "security.completed")
"""Beside the tests', what each commit gets before a gate can open."""


@dataclass
class Facts:
    """What really happened, as the service, its files and the people's servers have it."""

    pushed: list[Pushed] = field(default_factory=list)
    traces: dict[str, list[Span]] = field(default_factory=dict)
    """By commit."""

    approvals: dict[str, datetime] = field(default_factory=dict)
    trespasses: list[Trespass] = field(default_factory=list)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What the host recorded, by environment."""

    current: dict[str, str] = field(default_factory=dict)
    """The release in service, by environment."""

    others: list[Span] = field(default_factory=list)
    """What else NotificationBot was asked to tell, such as an alert that is over."""

    received: list[Message] = field(default_factory=list)
    customers: Customers | None = None
    audited: Audited | None = None

    def all(self) -> list[Span]:
        """All that commits led to, and what else people were told about."""
        return [span for spans in (*self.traces.values(), self.others) for span in spans]

    def trace(self, end: str) -> list[Span]:
        """The trace of the commit (the last one) whose story ends so."""
        (*_, pushed) = (one for one in self.pushed if one.change.end == end)
        return self.traces[pushed.commit]


class Story:
    """Plays it all in a workspace, and keeps the facts."""

    def __init__(self, workspace: Workspace, screen: Pipe) -> None:
        self.workspace = workspace
        self.screen = screen
        self.facts = Facts()
        self._ports = free_ports(STAGING, PRODUCTION)
        self._customers = Customers(self._ports[PRODUCTION])

    def play(self) -> Facts:
        """Everything, from the rules to the audit log.

        Raises:
            FailedError: something does not happen, or not in time.
        """
        self._title("The rules, proved")
        # Below the summary it names bots without a program; who does not play, we say.
        self.screen.tell(call(*LOTABOTS, "validate", "-C", ROOT).splitlines()[0])
        idle = self.workspace.fill(self._ports)
        self.screen.tell(f"{len(idle)} that have no part are disabled here: {', '.join(idle)}")
        bots = len([*self.workspace.root.glob("rules/bots/*.yaml")])
        self.screen.tell(f"with IntruderBot, a hostile one that is added, they are {bots}")
        call(*LOTABOTS, "tools", "sync", "-C", ROOT, *TOOLBOXES)
        team = Team(self.workspace.bare, self.workspace.checkout, name=SHOP)
        team.begin()
        with self._people() as people:
            self.facts.customers = self._customers
            self._title("The service, with a broker and a host of its own")
            with running(self.workspace, people.secrets) as service:
                self.screen.tell(service.line)
                self._commits(service.operator, team)
                self._trespass(service)
                self._look_again(service.operator)
                self.facts.received = [*people.received]
        self.facts.audited = audit.read(self.workspace.state)
        return self.facts

    @contextmanager
    def _people(self) -> Iterator[People]:
        places = {"mail": f"{MAIL}:80", "chat": f"{CHAT}:80"}
        with listening(self.workspace.channels, **places) as people:
            self.workspace.settle(people)
            yield people

    def _commits(self, operator: Operator, team: Team) -> None:
        """One after the other; customers come as soon as there is a shop."""
        self._title(f"{len(CHANGES)} commits, each on its own way to production")
        self._follow(operator, team, 1, CHANGES[0])
        with self._customers.shopping():
            for number, change in enumerate(CHANGES[1:], 2):
                self._follow(operator, team, number, change)

    def _follow(self, operator: Operator, team: Team, number: int, change: Change) -> None:
        """Push a change and show what comes of it until its story has ended."""
        pushed = team.push(number, change, revert=number > 2)  # noqa: PLR2004 - the first is good
        self.facts.pushed.append(pushed)
        self.screen.begin(pushed, len(CHANGES))
        deadline = time.monotonic() + LONGEST_S
        while True:
            spans = self.facts.traces[pushed.commit] = operator.trace(pushed.event)
            below = self._customers.summary() if number > 1 else ""
            self.screen.show(spans, datetime.now(UTC), below)
            self._approve(operator, pushed, spans)
            if has_ended(change.end, spans):
                break
            if time.monotonic() > deadline:
                raise FailedError(f"commit {number} ({change.what}) was not {change.end} in time")
            time.sleep(POLL_S)
        self.screen.end()
        self.screen.tell(f"→ {ending(spans)}", "dim")

    def _approve(self, operator: Operator, pushed: Pushed, spans: list[Span]) -> None:
        """A person lets into production what runs in staging."""
        if pushed.commit in self.facts.approvals or not deployed(spans, STAGING):
            return
        self.facts.approvals[pushed.commit] = datetime.now(UTC)
        change = {"id": pushed.commit}
        who = operator.name.removeprefix("cli.")
        about = {"purpose": "release", "approver": who, "repository": SHOP, "change": change}
        operator.emit("approval.granted", about)

    def _trespass(self, service: Running) -> None:
        self._title("Somebody asks for what they have no right to")
        port = int(service.url.rpartition(":")[2])
        attempts: list[Callable[[], list[Trespass]]] = [
            lambda: [trespass.forge_result(service.operator)],
            lambda: [trespass.ask_past_the_gates(service.operator)],
            lambda: trespass.break_out(service.operator, port),
            lambda: [trespass.forge_event(service.operator, port)],
        ]
        for attempt in attempts:
            self.facts.trespasses += attempt()
        stopped = sum(bool(one.plane) for one in self.facts.trespasses)
        self.screen.tell(f"{len(self.facts.trespasses)} attempts, {stopped} stopped")

    def _look_again(self, operator: Operator) -> None:
        """Take the traces anew, now that all is quiet, and wait for the audit log."""
        for pushed in self.facts.pushed:
            what = f"the jobs of commit {pushed.number} have ended"
            self.facts.traces[pushed.commit] = until(what, partial(_quiet, operator, pushed))
        wanted = {job["job"] for job in jobs(self.facts.all()) if "outcome" in job}
        until("the audit log has everything", lambda: audit.covers(self.workspace.state, wanted))
        self._ask_for_others(operator)
        for environment in (STAGING, PRODUCTION):
            self._read_releases(environment)

    def _ask_for_others(self, operator: Operator) -> None:
        """Find what people were told beside the commits: schedules start jobs too."""
        known = {job["job"] for job in jobs(self.facts.all())}
        logged = audit.read(self.workspace.state).subjects("lb.out.done.NotificationBot.")
        for job in sorted({subject.rpartition(".")[2] for subject in logged} - known):
            self.facts.others += operator.trace(job)

    def _read_releases(self, environment: str) -> None:
        """What the host has on record."""
        folder = self.workspace.state / "hosting" / environment / SHOP
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        self.facts.history[environment] = [json.loads(line) for line in lines]
        self.facts.current[environment] = (folder / "current").readlink().name

    def _title(self, text: str) -> None:
        self.screen.say(f"\n{text}", "bold")


def has_ended(end: str, spans: list[Span]) -> bool:
    """Whether nothing more comes of a commit, whose story is to end so."""
    if not _settled(spans):
        return False
    kinds = [event["type"] for event in events(spans)]
    if end == "stopped":
        tested = {"test.completed", "test.failed"} & {*kinds}
        return bool(tested) and all(kinds.count(one) >= RESULTS.count(one) for one in RESULTS)
    if end == "refused":
        return "deploy.failed" in kinds
    return bool(deployed(spans, PRODUCTION, "rollback" if end == "withdrawn" else "deploy"))


def _settled(spans: list[Span]) -> bool:
    """Whether all events are decided and all jobs have ended, but for MonitorBot's long ones."""
    done = all("outcome" in job for job in jobs(spans) if job["bot"] != "MonitorBot")
    return bool(spans) and done and all("verdicts" in event for event in events(spans))


def _quiet(operator: Operator, pushed: Pushed) -> list[Span] | None:
    spans = operator.trace(pushed.event)
    return spans if _settled(spans) else None
