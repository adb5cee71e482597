"""``rules/tests/*.yaml``: policy tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lotabots.frozen import defaults
from lotabots.model.codec.codec import Codec, Findings, Places, invalid
from lotabots.model.codec.collection import listing, table
from lotabots.model.codec.expectation import EXPECTATION, OUTCOME, payload_members
from lotabots.model.codec.names import BOT, CAPABILITY, EVENT, RESOURCE, SLUG, SOURCE, WORD
from lotabots.model.codec.quantity import duration
from lotabots.model.codec.record import keyed, record
from lotabots.model.codec.scalar import boolean, choice, integer, name, prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.trial import (
    Circumstances,
    ClaimStep,
    ElapseStep,
    EventStep,
    Scope,
    Template,
    Trial,
    Verb,
)

if TYPE_CHECKING:
    from lotabots.syntax.nodes import Node

MAX_TRIALS: Final = 4096
MAX_STEPS: Final = 1024

_TIME: Final = name(
    "a time",
    re.compile(
        r"(19[7-9]|20[0-9])[0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
    ),
    "write it in UTC, like `2026-01-31T12:00:00Z`",
)
_PRIORITIES: Final = choice({word: word for word in ("high", "medium", "low")})

_SHARED: Final = (
    Key("from", "source", SOURCE, "who sends it; the only emitter of its type if left out"),
    Key("to", "destination", BOT, "the bot that it names; anyone if left out"),
    Key("priority", "priority", _PRIORITIES, "its priority; `medium` if left out"),
    Key(
        "payload",
        "payload",
        payload_members,
        "the members that matter; the others get the plainest value that fits",
    ),
)
_TEMPLATE: Final = Shape(
    "an event template",
    "What events of this name have in common.",
    [Key("type", "type", EVENT, "the event type, where it is not the name"), *_SHARED],
)
_PARTIAL: Final = Key(
    "partial",
    "partial",
    boolean(),
    "check only what is named; otherwise everything but `ignore` has to be",
)
_EXPECT: Final = Key("expect", "expect", EXPECTATION, "what is decided", required=True)
_EVENT_STEP: Final = Shape(
    "an event step",
    "An event comes, and is decided with what the steps before left behind.",
    [
        Key("event", "event", EVENT, "its type, or the name of a template", required=True),
        *_SHARED,
        Key("signed", "signed", SOURCE, "the sender that its envelope claims, if another"),
        Key("id", "id", WORD, "its id; a second one of the same sender is a duplicate"),
        Key("after", "after", duration(), "time since the step before"),
        Key("age", "age", duration(), "how long ago it was sent"),
        Key("hops", "hops", integer(0, 1_000_000), "events that led to it"),
        Key("attempt", "attempt", integer(1, 1_000_000), "runs so far"),
        _PARTIAL,
        _EXPECT,
    ],
)
_ELAPSE_STEP: Final = Shape(
    "a silent step",
    "Time passes, and nothing comes.",
    [
        Key("elapse", "elapse", duration(1), "how long", required=True),
        _PARTIAL,
        _EXPECT,
    ],
)
_CLAIM_KEYS: Final = Shape(
    "a claim",
    "What a rule file might give to a bot: an action, and the scope to go with it.",
    [
        Key("bot", "bot", BOT, "the bot", required=True),
        Key("capability", "capability", CAPABILITY, "what it would exercise", required=True),
        Key("on", "on", RESOURCE, "on which resource; on all if left out"),
        Key("approved", "approved", boolean(), "whether a person's approval came with the event"),
    ],
)


def _read_claim(
    node: Node, findings: Findings, places: Places, route: str
) -> dict[str, Any] | None:
    own: Places = {}
    collected = _CLAIM_KEYS.collect(node, findings, own)
    for key, span in own.items():
        places[f"{route}.{key}"] = span
    return collected[0] if collected is not None and collected[1] else None


_CLAIM: Final[Codec[Any]] = Codec(
    _read_claim,
    lambda _step, _style: None,
    lambda definitions: _CLAIM_KEYS.schema(definitions, defaults(ClaimStep)),
)


def _finish_claim(values: dict[str, Any], node: Node, findings: Findings, places: Places) -> bool:
    outcome = values.get("expect")
    if outcome is None or outcome.verb in (Verb.ALLOW, Verb.REJECT):
        return outcome is not None
    message = "a claim is allowed or rejected"
    invalid(places.get("expect", node.span), findings, message, "write `allow` or `reject <code>`")
    return False


_CLAIM_STEP: Final = Shape(
    "a claim step",
    "Ask the boundaries of a bot, whatever its scope and its actions are now.",
    [
        Key("claim", "", _CLAIM, "what the bot claims", required=True),
        Key("expect", "expect", OUTCOME, "`allow`, or `reject` and the code", required=True),
    ],
)
_STEPS: Final[dict[str, Codec[Any]]] = {
    "event": record(EventStep, _EVENT_STEP),
    "elapse": record(ElapseStep, _ELAPSE_STEP),
    "claim": record(ClaimStep, _CLAIM_STEP, finish=_finish_claim),
}
_STATE: Final = Shape(
    "a state",
    "What is not as at rest when the test begins.",
    [
        Key("disabled", "disabled", listing(BOT, unique=str), "bots that an operator disabled"),
        Key("rollout", "rollout", SLUG, "the last phase in service; that of the rules if left out"),
        Key(
            "open_breakers", "open_breakers", listing(BOT, unique=str), "bots that failed too often"
        ),
        Key("queued", "queued", table(BOT, integer(0, 1_000_000)), "jobs that wait or run, by bot"),
    ],
)


def _finish_trial(values: dict[str, Any], node: Node, findings: Findings, places: Places) -> bool:
    steps = values.get("steps", ())
    if steps and all(_says_nothing(step) for step in steps):
        message = "a test that expects `anything` of every step cannot fail"
        cure = "say what is decided about the step that the test is about"
        invalid(places.get("steps", node.span), findings, message, cure)
    return True


def _says_nothing(step: Any) -> bool:  # noqa: ANN401 - one of the steps
    return not isinstance(step, ClaimStep) and step.expect.scope is Scope.ANYTHING


_TRIAL: Final = Shape(
    "a policy test",
    "Events one after the other, and what is decided about each.",
    [
        Key(
            "name",
            "name",
            prose("a name", longest=200),
            "a sentence that says what holds",
            required=True,
        ),
        Key("doc", "doc", prose(), "why it must hold"),
        Key("now", "now", _TIME, "the time of the first step"),
        Key("state", "state", record(Circumstances, _STATE), "the state in which it begins"),
        Key(
            "steps",
            "steps",
            listing(
                keyed("a step", _STEPS, lambda step: type(step).__name__), least=1, most=MAX_STEPS
            ),
            "what happens",
            required=True,
        ),
    ],
)

TRIALS: Final = Shape(
    "a test file",
    "rules/tests/<name>.yaml: policy tests, which `lotabots test` runs.",
    [
        Key(
            "events",
            "templates",
            table(EVENT, record(Template, _TEMPLATE)),
            "templates of events, by name",
        ),
        Key(
            "tests",
            "trials",
            listing(
                record(Trial, _TRIAL, finish=_finish_trial),
                least=1,
                most=MAX_TRIALS,
                unique=lambda trial: str(trial.name),
            ),
            "the tests",
            required=True,
        ),
    ],
)
