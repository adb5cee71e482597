"""Which bots of a fleet cannot run on this host, asked before their first job comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics.codes import NO_EXECUTOR
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted
from lotabots.model.rollout import serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ports import Executor


def unfit(fleet: Fleet, executor: Executor) -> dict[str, str]:
    """Why a bot cannot run here, by its name; ``Bot.action`` if it can do other actions.

    Only of bots that get jobs: enabled, and of a phase that is in service.
    """
    found: dict[str, str] = {}
    for bot in serving(fleet):
        refused = {one.name: executor.refusal(bot.name, one.name) for one in bot.actions}
        if refused and all(refused.values()):
            found[bot.name] = next(iter(refused.values()))
        else:
            found |= {f"{bot.name}.{name}": why for name, why in refused.items() if why}
    return found


def without_program(fleet: Fleet, bots: Path) -> str:
    """On one line, which bots no folder of `bots` is for; empty if none, or if none has any.

    For `lotabots validate`. Deliberately no finding: rules may be proved before the programs are
    written, and in a repository that does not hold them; only where there are some, a bot without
    is worth a word. A manifest that cannot be used counts as none, and `lotabots run` says why.
    """
    from lotabots.adapters.executor.manifest import FILE, read_manifests  # noqa: PLC0415

    try:
        manifests = read_manifests(bots) if any(bots.glob(f"*/{FILE}")) else None
    except OSError:
        return ""
    if manifests is None:
        return ""
    getting_jobs = [bot.name for bot in serving(fleet) if bot.actions]
    lacking = [name for name in getting_jobs if name not in manifests.by_bot]
    if not lacking:
        return ""
    have = counted(len(lacking), "bot has", many="bots have")
    return clean(
        f"{have} no program in `bots`, their jobs would be dead letters ({NO_EXECUTOR.code}): "
        f"{', '.join(lacking)}"
    )


def in_words(found: Mapping[str, str], fleet: Fleet, *, width: int = 0) -> str:
    """What `unfit` found: how many, then a line for each reason; empty if nothing.

    Names are wrapped to `width` columns; 0 keeps each reason on its line.
    """
    if not found:
        return ""
    together: dict[str, list[str]] = {}
    for who, why in found.items():
        bot = who.partition(".")[0]
        together.setdefault(why.replace(f"`{bot}`", "the bot"), []).append(who)
    bots = {who.partition(".")[0] for who in found}
    heading = (
        f"{len(bots)} of {len(serving(fleet))} enabled bots cannot run here, "
        f"their jobs would be dead letters ({NO_EXECUTOR.code}):"
    )
    reasons = [f"{clean(why)}: {', '.join(who)}" for why, who in together.items()]
    return "\n".join([*_wrapped(heading, width), *(_indented(line, width) for line in reasons)])


def _indented(line: str, width: int) -> str:
    first, *more = _wrapped(line, max(width - 2, 0))
    return "\n".join([f"  {first}", *(f"  {one}" for one in more)])


def _wrapped(line: str, width: int) -> list[str]:
    """Lines of at most `width` columns, those after the first indented; words stay whole."""
    from textwrap import wrap  # noqa: PLC0415 - `validate` needs none

    if not width:
        return [line]
    return wrap(
        line,
        max(width, 20),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
