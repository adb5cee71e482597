"""Which bots are in service: those that are enabled, of a phase that is rolled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet


def serving(fleet: Fleet) -> tuple[Bot, ...]:
    """The bots that get jobs, as the rule files say."""
    phases = tuple(phase.name for phase in fleet.settings.phases)
    rollout = fleet.settings.rollout
    return tuple(
        bot for bot in fleet.bots if bot.enabled and rolled_out(phases, bot.phase, rollout=rollout)
    )


def rolled_out(phases: tuple[str, ...], phase: str, *, rollout: str) -> bool:
    """Whether a bot of `phase` is in service when `rollout` is the last phase that is.

    A bot without a phase always is; one of an unknown phase never, nor any after an unknown
    rollout: a name that is spelt wrong must not let anything through. An empty `rollout` means
    all phases.
    """
    if not phase:
        return True
    if phase not in phases:
        return False
    return not rollout or (rollout in phases and phases.index(phase) <= phases.index(rollout))
