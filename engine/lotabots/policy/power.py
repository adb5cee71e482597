"""What a bot may exercise: the two questions that proof and decision must answer alike.

Static checks and the decision core both ask here, so that what `validate` promises is what the
engine does. No heavy imports: `validate` pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.model.capability import covers, glob_covers, globs_meet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.model.bot import Action, Bot, Boundary


def owned(bot: Bot, action: Action) -> bool:
    """Whether an entry of the bot's scope covers what `action` exercises, and on all of it."""
    return bool(action.capability) and any(
        covers(claim.capability, action.capability) and glob_covers(claim.on, action.on)
        for claim in bot.scope
    )


def forbidden(boundary: Boundary, capabilities: Iterable[str], *, on: str) -> Iterator[str]:
    """Of `capabilities`, exercised on the resources `on`, those inside `boundary`.

    A capability wider than the boundary is inside, too: exercising it exercises what is denied.
    An exception counts only strictly below the boundary, or it would void it (LB306).
    """
    excepting = tuple(allowed for allowed in boundary.except_ if narrows(boundary, allowed))
    for capability in capabilities:
        touches = covers(boundary.deny, capability) or covers(capability, boundary.deny)
        excepted = touches and any(covers(allowed, capability) for allowed in excepting)
        if touches and not excepted and globs_meet(boundary.on, on):
            yield capability


def narrows(boundary: Boundary, allowed: str) -> bool:
    """Whether `allowed` is a part of what `boundary` denies, and not all of it."""
    return allowed != boundary.deny and covers(boundary.deny, allowed)
