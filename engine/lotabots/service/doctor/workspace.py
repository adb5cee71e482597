"""The workspace: are its rules sound, and can its bots run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.adapters.files.toolbox import ToolboxError, changes, open_toolbox, read_specs
from lotabots.diagnostics.diagnostic import Severity
from lotabots.diagnostics.words import counted
from lotabots.model.rollout import serving
from lotabots.service.doctor.item import Item, State
from lotabots.service.readiness import in_words, unfit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ports import Executor
    from lotabots.service.workspace import Workspace

SECTION: Final = "workspace"


def rules(workspace: Workspace) -> Item:
    """What `lotabots validate` would say, in a line."""
    found = workspace.checked.diagnostics
    errors = sum(1 for one in found if one.severity is Severity.ERROR)
    bots = counted(len(workspace.checked.fleet.bots), "bot")
    if not bots:
        return Item(SECTION, "rules", State.PROBLEM, "no bot", "lotabots init")
    if errors:
        said = f"{bots}: {counted(errors, 'error')}; `run` refuses them"
        return Item(SECTION, "rules", State.PROBLEM, said, "lotabots validate")
    if found:
        said = f"{bots}: {counted(len(found), 'finding')}, no error"
        return Item(SECTION, "rules", State.WARNING, said, "lotabots validate")
    return Item(SECTION, "rules", State.GOOD, f"{bots}, no findings")


def toolboxes(requirements: Path, tools: Path) -> Iterator[Item]:
    """Every toolbox of the workspace, each file of it compared with what was built."""
    whole, missing, damaged = [], [], {}
    for spec in read_specs(requirements):
        try:
            found = changes(open_toolbox(spec, tools))
        except ToolboxError:
            missing.append(spec.name)
            continue
        if found:
            damaged[spec.name] = found[0]
        else:
            whole.append(spec.name)
    if damaged:
        said = "; ".join(f"{name} was changed ({change})" for name, change in damaged.items())
        cure = f"remove it below {tools}, then `lotabots tools sync`"
        yield Item(SECTION, "toolboxes", State.PROBLEM, said, cure)
    if missing:
        said = f"not built: {', '.join(missing)}"
        yield Item(SECTION, "toolboxes", State.WARNING, said, "lotabots tools sync")
    if whole:
        said = f"whole, to the last file: {', '.join(whole)}"
        yield Item(SECTION, "toolboxes", State.GOOD, said)


def bots(fleet: Fleet, executor: Executor) -> Item:
    """Which bots cannot run here, in the words of `run` at its start."""
    found = unfit(fleet, executor)
    if found:
        none = all(bot.name in found for bot in serving(fleet))
        state = State.PROBLEM if none else State.WARNING
        cure = "install or configure what they lack; or disable them, they get no jobs then"
        return Item(SECTION, "bots", state, in_words(found, fleet), cure)
    many = counted(len(serving(fleet)), "enabled bot")
    return Item(SECTION, "bots", State.GOOD, f"{many}: all can run here")
