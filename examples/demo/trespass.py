"""What is asked for without a right to it, and what stops it: the broker, the rules, the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from service import RefusedError, until
from words import events, jobs
from workspace import SHOP, FailedError

if TYPE_CHECKING:
    from service import Operator
    from words import Span

NOWHERE = "0" * 40


class Trespass(NamedTuple):
    """An attempt: what was tried, which plane stopped it, and in what words."""

    what: str
    plane: str
    """``broker``, ``decision``, ``contract`` or ``kernel``; empty if nothing stopped it."""

    said: str


def forge_result(operator: Operator) -> Trespass:
    """A person says that a build succeeded, which only BuildBot may say."""
    what = f"{operator.name} sends `build.completed`"
    try:
        operator.emit("build.completed", {})
    except RefusedError as error:
        return Trespass(what, "broker", str(error))
    return Trespass(what, "", "")


def ask_past_the_gates(operator: Operator) -> Trespass:
    """A person sends a commit to DeployBot, which takes work from gates only."""
    payload = {"repository": SHOP, "change": {"id": NOWHERE}}
    ident = operator.emit("change.pushed", payload, to="DeployBot")
    verdict = until("the request is decided", lambda: _verdict(operator.trace(ident)))
    what = f"{operator.name} sends `change.pushed` to DeployBot"
    if verdict["verdict"] != "reject":
        return Trespass(what, "", f"{verdict['verdict']}")
    place = verdict["rule"]["span"]
    return Trespass(
        what, "decision", f"{verdict['code']} {verdict['reason']} ({place[0]}:{place[1]})"
    )


def break_out(operator: Operator, port: int) -> list[Trespass]:
    """A bot whose program does what its rules do not grant; `port` is the broker's."""
    spans = _intrude(operator, "break-out", port)
    reports = events(spans, "intrusion.reported")
    if not reports:
        raise FailedError(f"the intruder reported nothing: {jobs(spans)[0]['outcome']}")
    return [
        Trespass(
            f"IntruderBot tries to {attempt['what']}",
            "kernel" if attempt["stopped"] else "",
            attempt["by"],
        )
        for attempt in reports[0]["payload"]["attempts"]
    ]


def forge_event(operator: Operator, port: int) -> Trespass:
    """A bot says what its rules do not let it say."""
    (job,) = jobs(_intrude(operator, "forge", port))
    found = [one for attempt in job["attempts"] for one in attempt.get("violations", ())]
    what = "IntruderBot says `deploy.completed`"
    if not found:
        return Trespass(what, "", "")
    return Trespass(what, "contract", f"{found[0]['code']} {found[0]['reason']}")


def _verdict(spans: list[Span]) -> dict[str, Any] | None:
    verdicts = spans[0].get("verdicts", []) if spans else []
    return next((one for one in verdicts if one["target"] == "DeployBot"), None)


def _intrude(operator: Operator, way: str, port: int) -> list[Span]:
    """Ask the intruder for its worst; the trace of that, ended."""
    ident = operator.emit("intrusion.requested", {"way": way, "port": port})

    def finished() -> list[Span] | None:
        spans = operator.trace(ident)
        done = jobs(spans) and all("outcome" in job for job in jobs(spans))
        return spans if done else None

    return until("the intruder has ended", finished)
