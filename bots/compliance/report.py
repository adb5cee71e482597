"""The report: for programs as JSON, for people as Markdown, the same bytes for the same facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import evaluate
import wording
from memory import File

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from auditlog import Log
    from controls import Policy
    from evaluate import Result

JSON, PAGE = "compliance-report.json", "compliance-report.md"
SHOWN = 30


class Summary(NamedTuple):
    """What the numbers are about."""

    at: str
    today: date
    as_of: str
    deployments: int
    policy: Policy
    log: Log
    results: tuple[Result, ...]

    def numbers(self) -> dict[str, Any]:
        """The numbers that are kept over time."""
        checked = [one for one in self.results if one.checked]
        holding = [one for one in checked if one.status == evaluate.HOLDS]
        return {
            "at": self.at,
            "deployments": self.deployments,
            "controls": len(self.results),
            "checked": len(checked),
            "holding": len(holding),
            "violations": sum(len(one.flagged) for one in self.results),
            "suppressed": sum(len(one.violations) - len(one.flagged) for one in self.results),
            "share": round(len(holding) / len(checked), 4) if checked else 0,
        }


def files(summary: Summary, history: Sequence[dict[str, Any]]) -> tuple[File, File]:
    """Both files; `history` has the numbers of each check, this one is the last."""
    document = json.dumps(_document(summary, history), indent=1) + "\n"
    return (
        File(JSON, "compliance-report", "application/json", document),
        File(PAGE, "compliance-report", "text/markdown", _page(summary, history)),
    )


def _document(summary: Summary, history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    policy, log = summary.policy, summary.log
    return {
        "version": 1,
        "policy": policy.name,
        "parameters": {name: list(values) for name, values in sorted(policy.parameters.items())},
        "metrics": summary.numbers(),
        "state": {"as_of": summary.as_of},
        "audit_log": {"entries": log.entries, "root": log.root, "key_pinned": log.pinned},
        "controls": [_control(one) for one in summary.results],
        "exceptions": [
            {
                "control": one.control,
                "resource": one.resource,
                "until": one.until.isoformat(),
                "reason": one.reason,
                "expired": summary.today > one.until,
            }
            for one in policy.exceptions
        ],
        "history": list(history),
    }


def _control(result: Result) -> dict[str, Any]:
    control = result.control
    return {
        "id": control.id,
        "title": control.title,
        "severity": control.severity,
        "frameworks": list(control.frameworks),
        "status": result.status,
        "checked": result.checked,
        "problem": result.problem,
        "violations": [
            {
                "resource": one.resource,
                "message": one.message,
                "evidence": list(one.evidence),
                "fingerprint": one.fingerprint,
                "excepted": one.reason,
            }
            for one in result.violations
        ],
    }


def _page(summary: Summary, history: Sequence[dict[str, Any]]) -> str:
    numbers, log = summary.numbers(), summary.log
    key = "the key of the policy" if log.pinned else "the log's own key, which nobody vouches for"
    rows = "".join(_row(one) for one in summary.results)
    trend = "".join(
        f"| {_text(one['at'])} | {one['deployments']} | {one['holding']} of {one['checked']} |"
        f" {one['violations']} | {one['suppressed']} |\n"
        for one in history[-SHOWN:]
    )
    return (
        f"# {_text(summary.policy.name)}: "
        f"{numbers['holding']} of {numbers['checked']} checked controls hold\n\n"
        f"Checked at {_text(summary.at)}, from the state of {_text(summary.as_of)}: "
        f"{numbers['deployments']} production deployments. "
        f"The audit log has {log.entries} entries, signed with {key}.\n\n"
        "| control | status | checked | violations | evidence for |\n|---|---|---|---|---|\n"
        f"{rows}\n"
        f"{_violations(summary)}"
        f"{_exceptions(summary)}"
        "## Over time\n\n"
        "| at | deployments | hold | violations | excepted |\n|---|---|---|---|---|\n"
        f"{trend}\n"
        "A control that holds is evidence, not compliance: an auditor decides what is enough.\n"
    )


def _row(result: Result) -> str:
    control = result.control
    problem = f": {_text(result.problem)}" if result.problem else ""
    return (
        f"| {_text(control.id)}: {_text(control.title)} | {result.status}{problem} |"
        f" {result.checked} | {len(result.flagged)} | {_text(', '.join(control.frameworks))} |\n"
    )


def _violations(summary: Summary) -> str:
    rows = "".join(
        f"| {_text(result.control.id)} | {result.control.severity} | {_text(one.resource)} |"
        f" {_text(one.message)} | {_text(one.reason) or '-'} | {_text(', '.join(one.evidence))} |\n"
        for result in summary.results
        for one in result.violations
    )
    head = "| control | severity | resource | what | excepted because | events |\n"
    return f"## Violations\n\n{head}|---|---|---|---|---|---|\n{rows}\n" if rows else ""


def _exceptions(summary: Summary) -> str:
    rows = "".join(
        f"| {_text(one.control)} | {_text(one.resource)} | {one.until.isoformat()}"
        f"{' (expired)' if summary.today > one.until else ''} | {_text(one.reason)} |\n"
        for one in summary.policy.exceptions
    )
    head = "| control | resource | until | because |\n|---|---|---|---|\n"
    return f"## Exceptions\n\n{head}{rows}\n" if rows else ""


def _text(text: str) -> str:
    return wording.markdown(text)
