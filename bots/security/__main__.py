"""SecurityBot: looks for weaknesses in commits and builds; it mends nothing and stops nothing.

Reads one job as JSON from standard input, writes one event per line to standard output. Nothing
of the project runs here, and nothing that it says about scanners is obeyed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import tomllib
from collections import Counter
from datetime import timedelta
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dependencies
import findings
import severity
from failure import UnfitError
from scan import Result, Scanner

import advisories

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from findings import Finding

    from advisories import About

POLICY = Path(__file__).with_name("policy.toml")
REPORT = "security-report.json"
MAX_FINDINGS = 100
MAX_FINDINGS_BYTES = 128 * 1024
MAX_ALERTS = 20
ALERTING = ("critical",)
ALERTING_LATER = ("high", "critical")


def main() -> None:
    """One job, from standard input to standard output; or the making of an advisory database."""
    if sys.argv[1:2] == ["advisories"]:
        advisories.main(sys.argv[2:])
        return
    started = time.monotonic()
    job = json.load(sys.stdin)
    policy = tomllib.loads(POLICY.read_text(encoding="utf-8"))
    actions = {
        "scan-code": scan_code,
        "check-dependencies": check_dependencies,
        "recheck": recheck,
    }
    try:
        actions[job["action"]](job, policy, started)
    except UnfitError as error:
        sys.exit(f"no result: {error}")


def scan_code(job: dict[str, Any], policy: dict[str, Any], started: float) -> None:
    """Look at a pushed commit."""
    event = job["event"]["payload"]
    change, name = event["change"], event["repository"]
    scanner = Scanner(job["paths"], name, policy["severity"])
    result = scanner.scan(change["id"], change.get("base", ""))
    if not result.fresh:
        scanner.judged.clean(change["id"])
    outcome = "failure" if result.fresh else "success"
    complete(job, result, outcome=outcome, started=started)
    alert(name, [one for one in result.fresh if one.severity in ALERTING])


def check_dependencies(job: dict[str, Any], policy: dict[str, Any], started: float) -> None:
    """Look up the parts of a build. Nothing that is known of them is old: all of it counts."""
    paths, event = job["paths"], job["event"]["payload"]
    listed = dependencies.read_parts(event, paths["artifacts"])
    tools = paths["toolbox"]["security"]
    checked = dependencies.check(
        listed, place=Path(paths["places"]["advisories"]), tools=tools, max_age=_max_age(policy)
    )
    version = next((one.version for one in distributions(name="packaging", path=[tools])), "")
    tool = ("packaging", version or "unknown")
    found = checked.found
    result = Result(found, found, len(listed), checked.suppressed, tool)
    outcome = "error" if checked.problem else ("failure" if found else "success")
    about = _about(checked.about, len(listed))
    complete(job, result, outcome=outcome, started=started, more=about)
    alert(event["repository"], [one for one in found if one.severity in ALERTING], about)
    told = [one.fingerprint for one in found]
    dependencies.Builds(Path(paths["places"]["state"])).write(event["repository"], listed, told)


def recheck(job: dict[str, Any], policy: dict[str, Any], _started: float) -> None:
    """Look up the newest build of each repository again, in newer data."""
    paths = job["paths"]
    builds = dependencies.Builds(Path(paths["places"]["state"]))
    for repository, listed, told in list(builds.read()):
        checked = dependencies.check(
            listed,
            place=Path(paths["places"]["advisories"]),
            tools=paths["toolbox"]["security"],
            max_age=_max_age(policy),
        )
        if checked.problem:
            raise UnfitError(checked.problem)
        fresh = [one for one in checked.found if one.fingerprint not in told]
        serious = [one for one in fresh if one.severity in ALERTING_LATER]
        alert(repository, serious, _about(checked.about, len(listed)))
        builds.write(repository, listed, [one.fingerprint for one in checked.found])


def complete(
    job: dict[str, Any],
    result: Result,
    *,
    outcome: str,
    started: float,
    more: dict[str, Any] | None = None,
) -> None:
    """Write the report and emit `security.completed`."""
    more = more or {}
    path = Path(job["paths"]["out"]) / REPORT
    path.write_text(_report(result, more), encoding="utf-8")
    counts = Counter(one.severity for one in result.found)
    payload = {
        "outcome": outcome,
        "checked": result.checked,
        "suppressed": result.suppressed,
        "tool": {
            "name": result.tool[0],
            "version": result.tool[1],
            "digest": job["tools"]["security"],
        },
        "duration_s": round(time.monotonic() - started, 3),
        "reports": [],
        "new": len(result.fresh),
        "total": len(result.found),
        "by_severity": {level: counts[level] for level in severity.LEVELS},
        "findings": _first(result),
        **more,
    }
    artifact = {"path": REPORT, "kind": "security-report", "media_type": "application/json"}
    emit("security.completed", payload, [artifact])


def alert(repository: str, found: Sequence[Finding], more: dict[str, Any] | None = None) -> None:
    """Tell of what must not wait; the same finding always has the same alert."""
    for one in found[:MAX_ALERTS]:
        named = f"{repository}\0{one.fingerprint}".encode()
        payload = {
            "alert_id": hashlib.sha256(named).hexdigest()[:32],
            "repository": repository,
            "rule": one.rule,
            "severity": one.severity,
            "message": f"{one.path[:200]}: {one.message}",
            "fingerprint": one.fingerprint,
            **(more or {}),
        }
        emit("security.alert", payload, [])


def emit(event: str, payload: dict[str, Any], artifacts: Sequence[dict[str, str]]) -> None:
    """One line of output. Repository, change and kind of scan are filled in by the engine."""
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _max_age(policy: dict[str, Any]) -> timedelta:
    return timedelta(days=policy["advisories"]["max_age_days"])


def _about(about: About | None, packages: int) -> dict[str, Any]:
    if about is None:
        return {}
    said = {"name": about.name[:128], "as_of": about.as_of.isoformat()}
    return {"advisory_db": {**said, "packages_checked": packages}}


def _report(result: Result, more: dict[str, Any]) -> str:
    known = {id(one) for one in result.fresh}
    document = {
        "version": 1,
        "tool": {"name": result.tool[0], "version": result.tool[1]},
        "baseline": result.baseline,
        "suppressed": result.suppressed,
        "findings": [{**_row(one), "new": id(one) in known} for one in result.found],
        **more,
    }
    return json.dumps(document, indent=1) + "\n"


def _first(result: Result) -> list[dict[str, Any]]:
    """The first findings, new ones before others, as many as fit into an event."""
    known = {id(one) for one in result.fresh}
    old: Iterable[Finding] = (one for one in result.found if id(one) not in known)
    rows: list[dict[str, Any]] = []
    size = 0
    for one in (*result.fresh, *old):
        row = _row(one)
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if len(rows) == MAX_FINDINGS or size > MAX_FINDINGS_BYTES:
            break
        rows.append(row)
    return rows


def _row(one: Finding) -> dict[str, Any]:
    return {
        "tool": one.tool,
        "rule": one.rule,
        "severity": one.severity,
        "path": one.path[: findings.MAX_PATH],
        "line": one.line,
        "message": one.message,
        "fp": one.fingerprint,
    }


if __name__ == "__main__":
    main()
