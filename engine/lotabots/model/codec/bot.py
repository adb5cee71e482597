"""``rules/bots/<bot>.yaml``: one bot."""

from __future__ import annotations

from typing import Final

from lotabots.model.bot import (
    Action,
    Backoff,
    Bot,
    Boundary,
    BreakerPolicy,
    Constraints,
    Emission,
    Grants,
    Output,
    RetryPolicy,
    Trigger,
    TriggerKind,
)
from lotabots.model.codec.capability import CLAIM
from lotabots.model.codec.collection import REMOVE, listing
from lotabots.model.codec.command import command, name_by_command
from lotabots.model.codec.names import (
    BOT,
    CAPABILITY,
    EVENT,
    EVENT_PATTERN,
    NODE,
    RESOURCE,
    SLUG,
    SOURCE,
    VERSION,
    WORD,
)
from lotabots.model.codec.quantity import duration, seconds, size
from lotabots.model.codec.record import group, record, shorthand, tagged
from lotabots.model.codec.scalar import boolean, choice, integer, prose
from lotabots.model.codec.schedule import CRON, TIMEZONE
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.codec.value import set_values

CONDITION: Final = prose("a condition")

_BOUNDARY: Final = Shape(
    "a boundary",
    "A capability that the bot must never exercise, nor cause.",
    [
        Key("deny", "deny", CAPABILITY, "the capability, with all below it", required=True),
        Key("on", "on", RESOURCE, "the resource it is denied on; `*` = any run of characters"),
        Key("except", "except_", listing(CAPABILITY, unique=str), "what stays allowed below it"),
        Key(
            "unless",
            "unless_approved",
            choice({"approval": True}),
            "`approval` lifts the boundary for events of a gate that joined a person's approval",
        ),
        Key("reason", "reason", prose(), "why, shown when the boundary rejects an event"),
        Key("delegate", "delegate", BOT, "the bot that does it instead"),
    ],
)

_EVENT_TRIGGER: Final = Shape(
    "an event trigger",
    "Starts an action when an event arrives.",
    [
        Key("type", "kind", choice({"event": TriggerKind.EVENT}), "`event`", required=True),
        Key("pattern", "pattern", EVENT_PATTERN, "the event types that start it", required=True),
        Key("from", "source", SOURCE, "the only bot, gate or source it may come from"),
        Key("when", "when", CONDITION, "the condition on the payload under which it starts"),
        Key("action", "action", WORD, "the action to start; may be left out if there is just one"),
    ],
)
_SCHEDULE_TRIGGER: Final = Shape(
    "a schedule trigger",
    "Starts an action at fixed times.",
    [
        Key(
            "type", "kind", choice({"schedule": TriggerKind.SCHEDULE}), "`schedule`", required=True
        ),
        Key("cron", "cron", CRON, "minute, hour, day of month, month, day of week", required=True),
        Key("timezone", "timezone", TIMEZONE, "the time zone of the cron times"),
        Key("action", "action", WORD, "the action to start; may be left out if there is just one"),
    ],
)
_TRIGGER: Final = tagged(
    "a trigger",
    "type",
    {"event": record(Trigger, _EVENT_TRIGGER), "schedule": record(Trigger, _SCHEDULE_TRIGGER)},
    lambda trigger: trigger.kind.value,
)

_EMISSION: Final = Shape(
    "an emitted event",
    "An event type that the action may emit.",
    [
        Key("type", "type", EVENT, "the event type", required=True),
        Key("set", "set", set_values(), "payload fields that the engine fills in itself"),
    ],
)

_PATHS: Final = listing(prose("a path"), unique=str)
_GRANTS: Final = Shape(
    "a grant",
    "What the sandbox lets the action do; what is not granted is denied.",
    [
        Key("read", "read", _PATHS, "paths that may be read"),
        Key("write", "write", _PATHS, "paths that may be written"),
        Key("exec", "exec", _PATHS, "programs that may be run"),
        Key(
            "network",
            "network",
            listing(RESOURCE, unique=str),
            "destinations: `host:port`, `{relay:NAME}`",
        ),
        Key("secrets", "secrets", listing(RESOURCE, unique=str), "names of secrets handed over"),
        Key("memory", "memory", size(), "bytes of memory"),
        Key("processes", "processes", integer(1, 32_768), "processes and threads at a time"),
        Key("cpu", "cpu", seconds(1, 7 * 86_400), "seconds of processor time"),
        Key("output", "output", size(), "bytes on standard output and error together"),
        Key("disk", "disk", size(), "bytes written to disk"),
        Key(
            "denials",
            "trace_denials",
            choice({"limits": False, "trace": True}),
            "what is reported: limits only, or denied file accesses too (slower)",
        ),
    ],
)

_ACTION: Final = Shape(
    "an action",
    "One thing the bot can be asked to do.",
    [
        Key("name", "name", WORD, "the name; the first word of the command if left out"),
        Key("type", "type", choice({"execute": "execute"}), "`execute` runs the command"),
        Key("capability", "capability", CAPABILITY, "the capability that it exercises"),
        Key("on", "on", RESOURCE, "the resource that it is exercised on"),
        Key(
            "command",
            "",
            command(),
            "an entry point of the bot, or a program with its arguments as a list",
            required=True,
        ),
        Key(
            "emits",
            "emits",
            listing(
                shorthand(record(Emission, _EMISSION), EVENT, "type", Emission),
                unique=lambda emission: emission.type,
                again=REMOVE,
            ),
            "the events that it may emit",
        ),
        Key("consumes", "consumes", listing(SLUG, unique=str), "kinds of artifacts that it needs"),
        Key("produces", "produces", listing(SLUG, unique=str), "kinds of artifacts that it makes"),
        Key("grants", "grants", record(Grants, _GRANTS, inline=True), "what the sandbox allows"),
    ],
)

_RETRY: Final = Shape(
    "a retry policy",
    "How often and how patiently a failed job is tried again.",
    [
        Key("max_attempts", "max_attempts", integer(1, 100), "attempts in all"),
        Key("backoff", "backoff", choice({b.value: b for b in Backoff}), "how the wait grows"),
        Key("initial", "initial", duration(), "the wait before the second attempt"),
        Key("max", "max", duration(), "the longest wait"),
    ],
)
_BREAKER: Final = Shape(
    "a breaker",
    "Stops dispatching to a bot that keeps failing.",
    [
        Key("failures", "failures", integer(1, 10_000), "failures that open the circuit"),
        Key("window", "window", duration(1), "the time within which they count"),
        Key("cooldown", "cooldown", duration(1), "how long the circuit stays open"),
    ],
)
_CONSTRAINTS: Final = Shape(
    "a constraint",
    "Limits on the bot's jobs, over the whole fleet.",
    [
        Key("max_concurrent_jobs", "max_concurrent_jobs", integer(1, 10_000), "jobs at a time"),
        Key(
            "max_queued_jobs",
            "max_queued_jobs",
            integer(1, 1_000_000),
            "jobs in its queue; the largest number of all bots counts",
        ),
        Key("timeout", "timeout", duration(1), "the longest an attempt may take"),
        Key(
            "retry_policy",
            "retry_policy",
            record(RetryPolicy, _RETRY, inline=True),
            "what happens after a failure",
        ),
        Key(
            "breaker",
            "breaker",
            record(BreakerPolicy, _BREAKER, inline=True),
            "when to stop trying for a while",
        ),
    ],
)

_OUTPUT: Final = Shape(
    "an output",
    "A route: an event that the bot may send to a bot or a gate.",
    [
        Key("type", "type", choice({"message": "message"}), "`message`"),
        Key("event", "event", EVENT, "the event type; every event the bot emits if left out"),
        Key(
            "destination", "destination", NODE, "the bot or `gate.<name>` it goes to", required=True
        ),
    ],
)

_IDENTITY: Final = Shape(
    "a bot's identity",
    "Who the bot is.",
    [
        Key("name", "name", BOT, "the bot's name, unique in the fleet", required=True),
        Key("version", "version", VERSION, "the version of these rules"),
        Key("enabled", "enabled", boolean(), "whether the bot takes part"),
        Key("category", "category", SLUG, "a category of rules/fleet.yaml"),
        Key("phase", "phase", SLUG, "the deployment phase of rules/fleet.yaml that brings it in"),
        Key(
            "essential", "essential", boolean(), "whether it is shed last when resources are short"
        ),
        Key(
            "responsibility", "responsibility", prose(), "its single responsibility, in a sentence"
        ),
    ],
)


BOT_FILE: Final = Shape(
    "a bot file",
    "One bot: what it owns, what it must never do, what starts it, where its results go.",
    [
        Key("bot", "", group(_IDENTITY, Bot, partial=True), "who the bot is", required=True),
        Key(
            "scope",
            "scope",
            listing(CLAIM, unique=lambda claim: f"{claim.capability} on {claim.on}", again=REMOVE),
            "the capabilities that the bot owns",
        ),
        Key(
            "boundaries",
            "boundaries",
            listing(record(Boundary, _BOUNDARY)),
            "what the bot must never do, nor cause",
        ),
        Key(
            "may_cause",
            "may_cause",
            listing(CAPABILITY, unique=str),
            "indirect power that a reviewer has accepted",
        ),
        Key("triggers", "triggers", listing(_TRIGGER), "what starts the bot's actions"),
        Key(
            "actions",
            "actions",
            listing(
                record(Action, _ACTION, partial=True, finish=name_by_command),
                unique=lambda action: action.name,
            ),
            "what the bot can be asked to do",
        ),
        Key(
            "constraints",
            "constraints",
            record(Constraints, _CONSTRAINTS, inline=True),
            "limits on the bot's jobs",
        ),
        Key("dependencies", "dependencies", listing(NODE, unique=str), "bots that it needs"),
        Key("outputs", "outputs", listing(record(Output, _OUTPUT)), "where its events may go"),
    ],
)
