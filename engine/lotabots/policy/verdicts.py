"""The words of verdicts: one function per reason, so that each is said in one way only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics import codes
from lotabots.diagnostics.words import counted
from lotabots.policy.decision import DeadLetter, Ignore, Reject, RuleRef, Wait

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.graph.nodes import Start
    from lotabots.model.bot import Bot
    from lotabots.model.event import EventType
    from lotabots.policy.decision import Saw
    from lotabots.policy.rules import BotRule


def unknown_type(kind: str, catalogue: RuleRef) -> Reject:
    """LR003: no event of this type is declared."""
    return Reject("", codes.UNKNOWN_TYPE.code, f"unknown event type `{kind}`", catalogue)


def forged_source(claimed: str, source: str, rule: RuleRef) -> Reject:
    """LR005: the envelope names somebody else than the one who sent it."""
    reason = f"the event says it is from `{claimed}`, but `{source}` sent it"
    return Reject("", codes.SOURCE_NOT_ALLOWED.code, reason, rule)


def invalid_payload(reason: str, rule: RuleRef) -> Reject:
    """LR006: the payload is not what the catalogue declares."""
    return Reject("", codes.PAYLOAD_INVALID.code, reason, rule)


def false_clauses(target: str, rule: RuleRef, clauses: tuple[str, ...]) -> tuple[Ignore, ...]:
    """LR301, for each clause of a condition that may be the first that is false."""
    return tuple(
        Ignore(
            target,
            codes.CONDITION_FALSE.code,
            f"`{text}` is false",
            RuleRef(rule.kind, rule.owner, rule.span, text),
            number,
        )
        for number, text in enumerate(clauses)
    )


def other_source(start: Start, kind: str) -> Ignore:
    """LR302: the trigger or part takes only events of somebody else."""
    wanted = start.rule.source
    at = RuleRef(kind, start.node, start.rule.at("from"), f"from: {wanted}")
    reason = f"only events from `{wanted}` are for `{start.node}`"
    return Ignore(start.node, codes.OTHER_SOURCE.code, reason, at)


def not_addressed(target: str, destination: str, rule: RuleRef) -> Ignore:
    """LR303: the event names another bot."""
    return Ignore(target, codes.NOT_ADDRESSED.code, f"the event is for `{destination}`", rule)


def no_candidate(event: EventType) -> Ignore:
    """LR304: nobody has a rule for events of this type."""
    rule = RuleRef("event", event.name, event.span)
    return Ignore("", codes.NO_CANDIDATE.code, f"nothing is started by `{event.name}`", rule)


def no_trigger(bot: Bot, event: EventType) -> Reject:
    """LR101: the event names a bot that has no trigger for it."""
    rule = RuleRef("triggers", bot.name, bot.at("triggers"))
    reason = f"`{bot.name}` has no trigger for `{event.name}`"
    return Reject(bot.name, codes.NO_TRIGGER.code, reason, rule)


def condition_error(target: str, rule: RuleRef, reason: str) -> Reject:
    """LR107: the condition cannot be asked, or asking it failed."""
    return Reject(target, codes.CONDITION_ERROR.code, reason, rule)


def disabled(bot: BotRule, saw: Saw, *, said: str = "") -> Reject:
    """LR201: the bot is switched off, by its file or by an operator, who `said` why."""
    by = "its rule file" if not bot.enabled else said or "an operator"
    return Reject(
        bot.name, codes.BOT_DISABLED.code, f"`{bot.name}` is disabled by {by}", bot.rule, saw=saw
    )


def not_rolled_out(bot: BotRule, saw: Saw, *, said: str = "") -> Reject:
    """LR202: the phase of the bot is not in service yet; an operator may have `said` so."""
    reason = f"phase `{bot.phase}` of `{bot.name}` is not in service: rollout is `{saw.rollout}`"
    reason += f" by {said}" if said else ""
    return Reject(bot.name, codes.NOT_ROLLED_OUT.code, reason, bot.rule, saw=saw)


def breaker_open(bot: BotRule, until: datetime, saw: Saw) -> Wait:
    """LR203: the breaker is open; the job waits for the end of the cooldown."""
    reason = f"the breaker of `{bot.name}` is {saw.breaker}"
    return Wait(bot.name, codes.BREAKER_OPEN.code, reason, bot.constraints, until, saw=saw)


def expires_first(bot: BotRule, saw: Saw) -> DeadLetter:
    """LR203: the breaker is open, and the event would expire before the cooldown ends."""
    reason = f"the breaker of `{bot.name}` is {saw.breaker} for longer than the event lives"
    return DeadLetter(bot.name, codes.BREAKER_OPEN.code, reason, bot.constraints, saw=saw)


def over_quota(bot: BotRule, saw: Saw) -> Reject:
    """LR204: as many jobs wait as the bot allows."""
    queued = f"{counted(saw.queued, 'job')} queued"
    allowed = counted(bot.max_queued, "is allowed", many="are allowed")
    reason = f"`{bot.name}` has {queued}, {allowed}"
    return Reject(bot.name, codes.OVER_QUOTA.code, reason, bot.constraints, saw=saw)


def key_absent(target: str, rule: RuleRef) -> Ignore:
    """LR308: a field of the gate's key is absent, so the event belongs to no key."""
    reason = f"a `join_on` field of `{target}` is absent"
    return Ignore(target, codes.GATE_KEY_ABSENT.code, reason, rule)
