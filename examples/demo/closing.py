"""The end report: what was released, what was stopped by whom and why, and how one can see it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from lotabots.cli.trace import waterfall
from people import CHAT, MAIL
from words import PRODUCTION, STAGING, bad_news, closed_gate, deployed, describe, events, moment

if TYPE_CHECKING:
    from datetime import datetime

    from commits import Pushed
    from people import Message
    from progress import Pipe
    from story import Facts
    from traffic import Customers

WIDEST = 110
NEXT = (
    ("lotabots validate", "prove this repository's fleet"),
    ("lotabots explain DeployBot", "what a bot may do, and must never do"),
    ("lotabots graph", "the fleet as a picture"),
    ("lotabots run", "the service, for your own repositories (docs/operations.md)"),
    ("docs/bot-authors.md", "your own bot"),
)


def tell(facts: Facts, screen: Pipe) -> None:
    """Say all of it."""
    for title, lines in (
        ("Released", _released(facts)),
        ("Stopped, by whom and why", _stopped(facts)),
        ("Withdrawn", _withdrawn(facts)),
        ("Customers", _customers(facts.customers)),
        ("Told", _told(facts.received)),
        ("Asked without right", _trespasses(facts)),
        ("What the good commit led to", _waterfall(facts)),
        ("The audit log, verified from its files alone", _audited(facts)),
    ):
        screen.say(f"\n{title}", "bold")
        for line in lines:
            screen.tell(line)


def look_next(screen: Pipe) -> None:
    """Where somebody who has seen this may look."""
    screen.say("Where to look next:")
    for command, what in NEXT:
        screen.tell(f"{command:28} {what}")


def _released(facts: Facts) -> list[str]:
    lines = []
    for pushed in facts.pushed:
        spans = facts.traces[pushed.commit]
        places = [
            f"{where} {event['payload']['release']} at {_clock(moment(event))}"
            for where in (STAGING, PRODUCTION)
            for event in deployed(spans, where)
        ]
        if places:
            lines.append(f"{_name(pushed)}  {', '.join(places)}")
    return lines


def _stopped(facts: Facts) -> list[str]:
    lines = []
    for pushed in facts.pushed:
        if pushed.change.end in {"stopped", "refused"}:
            spans = facts.traces[pushed.commit]
            event = bad_news(spans)[0]
            said = describe(event)
            lines.append(f"{_name(pushed)}  {event['source']}: {said.text if said else ''}")
            if pushed.change.end == "stopped":
                lines.append(f"         {closed_gate(spans)}")
            else:
                lines.append(f"         {event['payload']['active']} stays in {PRODUCTION}")
    return lines


def _withdrawn(facts: Facts) -> list[str]:
    (*_, pushed) = (one for one in facts.pushed if one.change.end == "withdrawn")
    spans = facts.traces[pushed.commit]
    release = deployed(spans, PRODUCTION)[0]
    alert = next(
        one
        for one in events(spans, "alert.triggered")
        if one["payload"].get("release") == release["payload"]["release"]
    )
    (gate,) = (one for one in events(spans, "deploy.requested") if one["source"] == "gate.rollback")
    back = deployed(spans, PRODUCTION, "rollback")[0]
    steps = [(release, "DeployBot"), (alert, "MonitorBot"), (gate, "gate.rollback")]
    lines = [_name(pushed)]
    for event, who in [*steps, (back, "DeployBot")]:
        since = (moment(event) - moment(release)).total_seconds()
        said = describe(event)
        when = f"+{since:.1f} s" if since else _clock(moment(event))
        lines.append(f"  {when:>9}  {who}: {said.text if said else ''}")
    took = (moment(back) - moment(alert)).total_seconds()
    lines.append(f"  alert to rolled back: {took:.1f} s")
    return lines


def _customers(customers: Customers | None) -> list[str]:
    if customers is None or not customers.answers:
        return ["nobody came"]
    times = sorted(answer.seconds * 1000 for answer in customers.answers)
    half, slowest = times[len(times) // 2], times[-1]
    front = f"{len(times)} requests through production's front, {len(customers.lost)} lost"
    lines = [f"{front}; half of them within {half:.0f} ms, the slowest {slowest:.0f} ms"]
    lines += [f"lost: {one.status} {one.reason}" for one in customers.lost[:5]]
    return lines


def _told(received: list[Message]) -> list[str]:
    names = {MAIL: "mail", CHAT: "webhook"}
    lines = [f"{names[one.kind]:7} to {one.to}: {one.subject}" for one in received]
    mails, hooks = (sum(one.kind == kind for one in received) for kind in (MAIL, CHAT))
    twice = len(lines) - len({one.ident for one in received})
    return [*lines, f"{mails} mails and {hooks} webhooks, {twice or 'none'} twice"]


def _trespasses(facts: Facts) -> list[str]:
    return [f"{one.what}: stopped by the {one.plane}: {one.said}" for one in facts.trespasses]


def _waterfall(facts: Facts) -> list[str]:
    """The trace of the first commit, until it is released."""
    spans = [
        span
        for span in facts.trace("released")
        if "MonitorBot" not in {span.get("bot"), span.get("source")}
    ]
    width = min(shutil.get_terminal_size().columns, WIDEST)
    return waterfall(spans, width=width - 2, color=False).splitlines()


def _audited(facts: Facts) -> list[str]:
    audited = facts.audited
    if audited is None:
        return []
    lines = [f"{len(audited.entries)} entries, root {audited.root}", *audited.faults]
    return lines if audited.faults else ["whole: " + lines[0]]


def _name(pushed: Pushed) -> str:
    return f"{pushed.short}  {pushed.subject:38}"


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")
