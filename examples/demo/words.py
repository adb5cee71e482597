"""What happened, in a few words: of events as the trace of the service tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

GATE = "gate.release-staging"
STAGING, PRODUCTION = "staging", "production"

Span = dict[str, Any]
"""An event or a job of a trace."""


class Said(NamedTuple):
    """A few words, and whether what they say is good news; None is neither."""

    text: str
    good: bool | None = None


def events(spans: list[Span], kind: str = "") -> list[Span]:
    """The events of a trace, of one type or of all."""
    return [span for span in spans if span["kind"] == "event" and kind in {"", span["type"]}]


def jobs(spans: list[Span]) -> list[Span]:
    """The jobs of a trace."""
    return [span for span in spans if span["kind"] == "job"]


def moment(span: Span, key: str = "at") -> datetime:
    """When an event was accepted, or a job ended (`ended_at`)."""
    return datetime.fromisoformat(span[key])


def began(job: Span) -> datetime | None:
    """When a job's first attempt began."""
    return datetime.fromisoformat(job["attempts"][0]["at"]) if job["attempts"] else None


def describe(event: Span) -> Said | None:
    """An event in a few words; None for what needs none."""
    words = _WORDS.get(event["type"])
    return words(event["payload"]) if words else None


def deployed(spans: list[Span], environment: str, action: str = "deploy") -> list[Span]:
    """The events that say that something was put in service there."""
    return [
        event
        for event in events(spans, "deploy.completed")
        if (event["payload"]["environment"], event["payload"]["action"]) == (environment, action)
    ]


def bad_news(spans: list[Span]) -> list[Span]:
    """The events of a trace that say what is wrong with a commit, in order."""
    judged = [event for event in events(spans) if event["type"] != "notification.sent"]
    return [event for event in judged if (said := describe(event)) and said.good is False]


def closed_gate(spans: list[Span]) -> str:
    """What the gate still waits for, and where that is written."""
    waits = [
        (event["sequence"], verdict)
        for event in events(spans)
        for verdict in event["verdicts"]
        if verdict["target"] == GATE and verdict["verdict"] == "wait"
    ]
    verdict = max(waits, key=lambda one: one[0])[1]
    place = verdict["rule"]["span"]
    return f"{verdict['code']} {verdict['reason']} ({place[0]}:{place[1]})".replace("`", "")


def ending(spans: list[Span]) -> str:
    """What became of a commit in the end."""
    back = deployed(spans, PRODUCTION, "rollback")
    if back:
        alert = events(spans, "alert.triggered")[0]
        seconds = (moment(back[0]) - moment(alert)).total_seconds()
        active = back[0]["payload"]["active"]
        return f"withdrawn: {active} is in production again, {seconds:.1f} s after the alert"
    if failed := events(spans, "deploy.failed"):
        return f"refused: {failed[0]['payload'].get('active', 'nothing')} stays in production"
    if deployed(spans, PRODUCTION):
        return "released"
    return f"stopped by {bad_news(spans)[0]['source']}: {closed_gate(spans)}"


def finding(payload: dict[str, Any]) -> str:
    """The worst of what a linter, a scanner or tests found, with its place."""
    if failures := payload.get("failures"):
        where = failures[0]["id"]
        said = failures[0]["message"].splitlines()[0] if failures[0]["message"] else "fails"
        return f"{where}: {said}"
    found = payload.get("top") or payload.get("findings") or []
    if not found:
        return ""
    worst = max(found, key=_weight)
    return f"{worst['path']}:{worst['line']}: {worst['rule']} {worst['message']}"


def _weight(found: dict[str, Any]) -> tuple[int, bool]:
    """How much a finding says: severity of scanners; what cannot work before what is unused."""
    grades = ("low", "medium", "high", "critical")
    return grades.index(found.get("severity", "low")), found["rule"].startswith(("E9", "F8"))


def _built(payload: dict[str, Any]) -> Said:
    return Said(payload["artifact"]["name"], payload["outcome"] == "success")


def _failed(payload: dict[str, Any]) -> Said:
    return Said(payload["reason"].splitlines()[0], good=False)


def _tested(payload: dict[str, Any]) -> Said:
    line = payload["coverage"]["line"]
    return Said(f"{payload['counts']['passed']} tests passed, {line:.0%} of the lines", good=True)


def _not_tested(payload: dict[str, Any]) -> Said:
    counts = payload["counts"]
    bad = counts["failed"] + counts["errors"]
    return Said(f"{bad} of {counts['total']} failed: {finding(payload)}", good=False)


def _linted(payload: dict[str, Any]) -> Said:
    if not payload["new"]:
        return Said(f"{payload['checked']} files, nothing new", payload["outcome"] == "success")
    return Said(f"{payload['new']} new: {finding(payload)}", good=False)


def _scanned(payload: dict[str, Any]) -> Said:
    what = "code" if payload["scan"] == "code" else "parts"
    if not payload["new"]:
        return Said(f"{what} clean", payload["outcome"] == "success")
    return Said(f"{what}: {payload['new']} new: {finding(payload)}", good=False)


def _deployed(payload: dict[str, Any]) -> Said:
    where, active = payload["environment"], payload["active"]
    if payload["action"] == "rollback":
        return Said(f"{where} is back at {active}", good=True)
    return Said(f"{active} serves {where}", good=True)


def _not_deployed(payload: dict[str, Any]) -> Said:
    return Said(f"{payload['environment']}: {payload['reason'].splitlines()[0]}", good=False)


def _alarmed(payload: dict[str, Any]) -> Said:
    metric = payload["metric"]
    usual = f", usual {_amount(metric, payload['baseline'])}" if "baseline" in payload else ""
    return Said(f"{payload['rule']}: {_amount(metric, payload['value'])}{usual}", good=False)


def _amount(metric: str, value: float) -> str:
    """A value as people say it; metrics in seconds end with `_s`."""
    return f"{value * 1000:.0f} ms" if metric.endswith("_s") else f"{metric} {value:.3g}"


def _told(payload: dict[str, Any]) -> Said:
    good = payload["outcome"] == "success"
    told = [one["to"] for one in payload["deliveries"] if one["status"] == "delivered"]
    return Said(f"told {', '.join(told) or 'nobody'}", good)


def _requested(payload: dict[str, Any]) -> Said:
    return Said(f"opened: {payload['action']} {payload['environment']}", good=True)


_WORDS = {
    "build.completed": _built,
    "build.failed": _failed,
    "test.completed": _tested,
    "test.failed": _not_tested,
    "lint.completed": _linted,
    "security.completed": _scanned,
    "deploy.requested": _requested,
    "deploy.completed": _deployed,
    "deploy.failed": _not_deployed,
    "alert.triggered": _alarmed,
    "notification.sent": _told,
}
