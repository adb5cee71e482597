"""What happened, in a few words: of events as the trace of the service tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

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
    usual = f", usual {payload['baseline']:.3g}" if "baseline" in payload else ""
    return Said(f"{payload['rule']}: {payload['metric']} {payload['value']:.3g}{usual}", good=False)


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
