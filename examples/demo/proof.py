"""Whether all of it really happened: judged by events, releases, messages and the audit log."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from people import CHAT, MAIL
from words import PRODUCTION, STAGING, bad_news, deployed, events, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from commits import Pushed
    from story import Facts

ENOUGH = 100
"""Requests that customers must have sent for their answers to say something."""

PLANES = {"broker", "decision", "contract", "kernel"}
CULPRITS = {
    "2-lint": ("LintBot", "lint.completed"),
    "3-test": ("TestBot", "test.failed"),
    "4-insecure": ("SecurityBot", "security.completed"),
    "5-production": ("DeployBot", "deploy.failed"),
    "6-slow": ("MonitorBot", "alert.triggered"),
}
"""Who must have found what is wrong with a commit."""


class Promise(NamedTuple):
    """Something that the demonstration claims."""

    claim: str
    held: Callable[[Facts], bool]


def broken(facts: Facts) -> list[str]:
    """The claims that are not true."""
    return [promise.claim for promise in PROMISES if not _holds(promise, facts)]


def _holds(promise: Promise, facts: Facts) -> bool:
    try:
        return promise.held(facts)
    except (LookupError, ValueError):  # what it speaks of is not there at all
        return False


def good_release(facts: Facts) -> str:
    """The release of the good commit in production."""
    return str(deployed(facts.trace("released"), PRODUCTION)[0]["payload"]["release"])


def _each_is_found_by_one(facts: Facts) -> bool:
    """Exactly one bot has bad news about each bad commit, and none about the good one."""
    return all(_finders(facts, one) == _culprit(one) for one in facts.pushed)


def _finders(facts: Facts, pushed: Pushed) -> set[tuple[str, str]]:
    return {(event["source"], event["type"]) for event in bad_news(facts.traces[pushed.commit])}


def _culprit(pushed: Pushed) -> set[tuple[str, str]]:
    patch = pushed.change.patch
    return {CULPRITS[patch]} if patch else set()


def _good_is_released(facts: Facts) -> bool:
    spans = facts.trace("released")
    names = [event["payload"]["release"] for event in deployed(spans, PRODUCTION)]
    return len(deployed(spans, STAGING)) == 1 and names == _promoted(facts, PRODUCTION)[:1]


def _stopped_go_nowhere(facts: Facts) -> bool:
    stopped = [one for one in facts.pushed if one.change.end == "stopped"]
    requests = [events(facts.traces[one.commit], "deploy.requested") for one in stopped]
    return len(stopped) == len(CULPRITS) - 2 and not any(requests)


def _refused_in_production(facts: Facts) -> bool:
    spans = facts.trace("refused")
    failures = events(spans, "deploy.failed")
    return (
        len(deployed(spans, STAGING)) == 1
        and not deployed(spans, PRODUCTION)
        and [one["payload"]["environment"] for one in failures] == [PRODUCTION]
        and failures[0]["payload"]["active"] == good_release(facts)
        and len(_recorded(facts, PRODUCTION, "discarded")) == 1
        and "500" in failures[0]["payload"]["reason"]
    )


def _withdrawn(facts: Facts) -> bool:
    spans = facts.trace("withdrawn")
    release = deployed(spans, PRODUCTION)[0]["payload"]["release"]
    alerts = [one["payload"].get("release") for one in events(spans, "alert.triggered")]
    gates = [one["source"] for one in events(spans, "deploy.requested")]
    back = [one["payload"]["active"] for one in deployed(spans, PRODUCTION, "rollback")]
    return (
        release in alerts
        and gates.count("gate.rollback") == 1
        and back == [good_release(facts)]
        and [line.get("withdrew") for line in facts.history[PRODUCTION]].count(release) == 1
        and facts.current[PRODUCTION] == good_release(facts)
    )


def _only_good_ones_served(facts: Facts) -> bool:
    """Production's history: the good release, the slow one, the good one again."""
    good = good_release(facts)
    slow = deployed(facts.trace("withdrawn"), PRODUCTION)[0]["payload"]["release"]
    return _promoted(facts, PRODUCTION) == [good, slow, good]


def _promoted(facts: Facts, environment: str) -> list[str]:
    return _recorded(facts, environment, "promoted")


def _recorded(facts: Facts, environment: str, verb: str) -> list[str]:
    return [line["release"] for line in facts.history[environment] if line["verb"] == verb]


def _nobody_waits_in_vain(facts: Facts) -> bool:
    customers = facts.customers
    return customers is not None and len(customers.answers) >= ENOUGH and not customers.lost


def _everybody_is_told_once(facts: Facts) -> bool:
    """What the bot says that it delivered is what arrived, and nothing arrived twice."""
    spans = facts.all()
    asked = [job for job in jobs(spans) if job["bot"] == "NotificationBot"]
    sent = [event["payload"] for event in events(spans, "notification.sent")]
    said = Counter(one["to"] for payload in sent for one in payload["deliveries"])
    arrived = facts.received
    return (
        {one.kind for one in arrived} == {MAIL, CHAT}
        and len(asked) == len(sent)
        and {payload["outcome"] for payload in sent} == {"success"}
        and said == Counter(one.to for one in arrived)
        and len({one.ident for one in arrived}) == len(arrived)
    )


def _trespassers_are_stopped(facts: Facts) -> bool:
    planes = {one.plane for one in facts.trespasses}
    return planes == PLANES


def _audited(facts: Facts) -> bool:
    """The log is whole, and has every decision, outcome and verb of the host."""
    audited = facts.audited
    if audited is None or audited.faults:
        return False
    spans = facts.all()
    logged = {subject.rpartition(".")[2] for subject in audited.subjects("lb.")}
    ended = {job["job"] for job in jobs(spans) if "outcome" in job}
    decided = {event["token"] for event in events(spans)}
    promotions = audited.subjects("lb.ctl.host.promote")
    wanted = sum(len(_promoted(facts, where)) for where in facts.history)
    return ended | decided <= logged and len(promotions) == wanted


PROMISES = (
    Promise("each bad commit is found by one bot, and the good one by none", _each_is_found_by_one),
    Promise("the good commit is in production", _good_is_released),
    Promise("what is stopped goes nowhere", _stopped_go_nowhere),
    Promise("what fails in production's check leaves the release before", _refused_in_production),
    Promise("the slow release is withdrawn because of an alert", _withdrawn),
    Promise("nothing else was in production", _only_good_ones_served),
    Promise("no request of a customer is lost", _nobody_waits_in_vain),
    Promise("people are told once", _everybody_is_told_once),
    Promise("what is not allowed is stopped by four planes", _trespassers_are_stopped),
    Promise("the audit log is whole and has all of it", _audited),
)
