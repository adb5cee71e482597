"""Which bots of a fleet cannot run on this host, asked before their first job comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics.codes import NO_EXECUTOR
from lotabots.diagnostics.terminal import clean
from lotabots.policy.rules import rolled_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ports import Executor


def unfit(fleet: Fleet, executor: Executor) -> dict[str, str]:
    """Why a bot cannot run here, by its name; ``Bot.action`` if it can do other actions.

    Only of bots that get jobs: enabled, and of a phase that is in service.
    """
    found: dict[str, str] = {}
    for bot in _serving(fleet):
        refused = {one.name: executor.refusal(bot.name, one.name) for one in bot.actions}
        if refused and all(refused.values()):
            found[bot.name] = next(iter(refused.values()))
        else:
            found |= {f"{bot.name}.{name}": why for name, why in refused.items() if why}
    return found


def in_words(found: Mapping[str, str], fleet: Fleet) -> str:
    """What `unfit` found on one line, bots with the same reason together; empty if nothing."""
    if not found:
        return ""
    together: dict[str, list[str]] = {}
    for who, why in found.items():
        bot = who.partition(".")[0]
        together.setdefault(why.replace(f"`{bot}`", "the bot"), []).append(who)
    named = "; ".join(f"{', '.join(who)} ({why})" for why, who in together.items())
    bots = {who.partition(".")[0] for who in found}
    return clean(
        f"{len(bots)} of {len(_serving(fleet))} enabled bots cannot run here, "
        f"their jobs would be dead letters ({NO_EXECUTOR.code}): {named}"
    )


def _serving(fleet: Fleet) -> list[Bot]:
    phases = tuple(phase.name for phase in fleet.settings.phases)
    rollout = fleet.settings.rollout
    return [
        bot for bot in fleet.bots if bot.enabled and rolled_out(phases, bot.phase, rollout=rollout)
    ]
