"""Decisions in words: one block per event, one line per verdict, the reason below it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted, spoken
from lotabots.model.envelope import Event, MalformedError, decode_envelope
from lotabots.policy.decision import Ignore
from lotabots.policy.explain import Explanation, explain

if TYPE_CHECKING:
    from lotabots.policy.decision import RuleRef
    from lotabots.policy.rules import Policy
    from lotabots.service.story import Scene

COLORS: Final = {
    "dispatch": "green",
    "reject": "red",
    "wait": "yellow",
    "ignore": "bright_black",
    "dead_letter": "red",
}
REFUSALS: Final = ("reject", "dead_letter")
_PLAIN_DETAILS: Final = frozenset({"delegate", "until"})
"""What the state was is told in JSON; people want to know whom to ask, and how long it waits."""

_WIDTHS: Final = (11, 24, 5)
"""Columns of a line: the verdict, its target, its code."""

_PAD: Final = " " * (sum(_WIDTHS) + 5)


class Teller:
    """Turns scenes into text, and counts what was refused on the way."""

    def __init__(self, policy: Policy, *, style: str, color: bool, quiet: bool) -> None:
        self._policy = policy
        self._json = style == "json"
        self._color = color
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._refusal = ""
        self._events = 0

    @property
    def refused(self) -> int:
        """Verdicts so far that refuse something."""
        return sum(self._counts[outcome] for outcome in REFUSALS)

    def scene(self, scene: Scene) -> str:
        """One event and everything that was decided about it."""
        self._events += 1
        explained = [self._explain(scene, verdict) for verdict in scene.decision.verdicts]
        self._counts.update(found.outcome for found in explained)
        self._refusal = self._refusal or next(
            (found.code for found in explained if found.outcome in REFUSALS), ""
        )
        shown = [e for e in explained if not (self._quiet and e.outcome == "ignore")]
        if self._json:
            return json.dumps(_document(scene, shown), ensure_ascii=False) + "\n"
        lines = [self._heading(scene), *(line for e in shown for line in self._lines(e))]
        return "\n".join([*lines, ""]) + "\n"

    def summary(self) -> str:
        """How many events, how many verdicts of each kind; where to read about a refusal."""
        if self._json:
            return ""
        seen = [outcome for outcome in COLORS if self._counts[outcome]]
        counts = ", ".join(f"{self._counts[outcome]} {spoken(outcome)}" for outcome in seen)
        more = f"more about a code: `lotabots explain {self._refusal}`\n" if self._refusal else ""
        return f"{counted(self._events, 'event')}: {counts or 'nothing to decide'}\n{more}"

    def _explain(self, scene: Scene, verdict: Any) -> Explanation:  # noqa: ANN401 - the union
        try:
            event = Event(decode_envelope(scene.raw), scene.stamp)
        except MalformedError:
            # What cannot be read is refused as a whole, so there is this verdict and no other.
            return Explanation("reject", "", verdict.code, verdict.reason, verdict.rule)
        found = explain(self._policy, event, verdict)
        if isinstance(verdict, Ignore) and verdict.clause < 0:
            return msgspec.structs.replace(found, values=())
        return found

    def _heading(self, scene: Scene) -> str:
        decision = scene.decision
        name = self._style(clean(decision.event_type) or "unreadable event", bold=True)
        arrow = "   └ " if scene.cause is not None else ""
        note = f"  {self._style(clean(scene.note), fg='cyan')}" if scene.note else ""
        return f"{arrow}{name} from {clean(decision.source) or 'nobody'}{note}"

    def _lines(self, found: Explanation) -> list[str]:
        wide, wider, narrow = _WIDTHS
        word = self._style(f"{spoken(found.outcome):{wide}}", fg=COLORS[found.outcome])
        target = clean(found.target) or "the event"
        place = self._style(_place(found.rule), dim=True)
        said = f"{target:{wider}} {found.code:{narrow}} {clean(found.reason)}"
        lines = [f"  {word} {said}{place}"]
        if found.outcome == "ignore":
            lines += [f"{_PAD}{clean(name)} is {clean(value)}" for name, value in found.values]
        lines += [
            f"{_PAD}{name}: {clean(text)}" for name, text in found.details if name in _PLAIN_DETAILS
        ]
        return lines

    def _style(self, text: str, **style: Any) -> str:  # noqa: ANN401 - click's options
        return click.style(text, **style) if self._color else text


def _place(rule: RuleRef) -> str:
    return f"  [{rule.span.path}:{rule.span.line}]" if rule.span.path else ""


def _document(scene: Scene, explained: list[Explanation]) -> dict[str, Any]:
    """The scene for programs; version 1 of this format."""
    decision = scene.decision
    return {
        "version": 1,
        "event": {"id": decision.event_id, "type": decision.event_type, "source": decision.source},
        "at": decision.at.isoformat(),
        "policy": decision.digest,
        "note": scene.note,
        "caused_by_scene": scene.cause,
        "verdicts": [
            {
                "verdict": found.outcome,
                "target": found.target,
                "code": found.code,
                "reason": found.reason,
                "rule": {
                    "kind": found.rule.kind,
                    "owner": found.rule.owner,
                    "path": found.rule.span.path,
                    "line": found.rule.span.line,
                    "column": found.rule.span.column,
                    "text": found.rule.text,
                },
                "values": dict(found.values),
                "details": dict(found.details),
            }
            for found in explained
        ],
    }
