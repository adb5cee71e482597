"""The files of a workspace to one `Fleet`, with everything that is wrong with their form.

Loading never fails: the fleet is built from whatever could be read, `Fleet.broken` names the files
that cannot be trusted, and the findings say why. Neither the order of the files nor that of the
keys in them changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lotabots.diagnostics.codes import (
    DUPLICATE_NAME,
    EMPTY_FLEET,
    INVALID_VALUE,
    MISSING_FILE,
    UNEXPECTED_FILE,
)
from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity, in_order
from lotabots.diagnostics.span import start_of
from lotabots.model.bot import Bot
from lotabots.model.capability import CapabilityTree
from lotabots.model.codec.bot import BOT_FILE
from lotabots.model.codec.codec import Findings, Places, closest
from lotabots.model.codec.event import catalogue
from lotabots.model.fleet import Fleet, Settings
from lotabots.model.layout import (
    BOTS_FOLDER,
    CAPABILITIES_PATH,
    EDGES_PATH,
    EVENTS_PATH,
    FLEET_PATH,
    GATES_PATH,
    INVARIANTS_PATH,
    MANDATORY,
    SHAPES,
    is_bot_file,
    is_test_file,
    is_yaml,
)
from lotabots.model.subject import with_subjects
from lotabots.syntax.compose import compose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span
    from lotabots.model.codec.shape import Shape
    from lotabots.model.trial import TrialFile
    from lotabots.syntax.nodes import Node


class Loaded(NamedTuple):
    """A fleet and its policy tests, and the findings about the form of their files, in order."""

    fleet: Fleet
    diagnostics: tuple[Diagnostic, ...]
    trials: tuple[TrialFile, ...] = ()


class _Read(NamedTuple):
    """What a file says, as attributes, and where."""

    values: dict[str, Any]
    places: Places


def load(files: Mapping[str, bytes]) -> Loaded:
    """Read a workspace.

    Args:
        files: content by path relative to the workspace, with forward slashes. Files that are not
            YAML are ignored.
    """
    findings: Findings = []
    single = {path: _Read({}, {}) for path in SHAPES}
    bots: list[Bot] = []
    trials = {path: files[path] for path in files if is_test_file(path)}
    for path in sorted(files):
        if path in SHAPES:
            single[path] = _file(path, files[path], SHAPES[path], findings)
        elif is_bot_file(path):
            bots.extend(_bot(path, files[path], findings))
        elif is_yaml(path) and path not in trials:
            findings.append(_unexpected(path))
    _missing(files, findings)
    fleet = _fleet(single, _once(bots, findings), findings)
    read = _trials(trials, findings) if trials else ()
    ordered = in_order(with_subjects(findings, _trees(files, findings)))
    return Loaded(_with_broken(fleet, ordered), ordered, read)


def _trials(files: Mapping[str, bytes], findings: Findings) -> tuple[TrialFile, ...]:
    # Imported by those who have tests, and want to know of them.
    from lotabots.model.codec.trial import TRIALS  # noqa: PLC0415
    from lotabots.model.trial import TrialFile  # noqa: PLC0415

    return tuple(
        TrialFile(path=path, **_file(path, files[path], TRIALS, findings).values)
        for path in sorted(files)
    )


def _file(path: str, data: bytes, shape: Shape, findings: Findings) -> _Read:
    node, faults = compose(path, data)
    findings.extend(faults)
    places: Places = {}
    if node is None:
        if not faults:
            findings.append(_empty(path, shape))
        return _Read({}, places)
    collected = shape.collect(node, findings, places)
    return _Read(collected[0] if collected else {}, places)


def _trees(files: Mapping[str, bytes], findings: Findings) -> dict[str, Node]:
    """The syntax trees of the files with findings, composed once more.

    Most files have none. To keep all trees until that is known costs more memory, and the time to
    get it, than all that is made of them.
    """
    blamed = {finding.primary.span.path for finding in findings}
    trees = {path: compose(path, files[path])[0] for path in sorted(blamed.intersection(files))}
    return {path: node for path, node in trees.items() if node is not None}


def _bot(path: str, data: bytes, findings: Findings) -> list[Bot]:
    values, places = _file(path, data, BOT_FILE, findings)
    if "name" not in values:
        return []
    return [Bot(path=path, span=places["name"], places=places, **values)]


def _fleet(single: Mapping[str, _Read], bots: list[Bot], findings: Findings) -> Fleet:
    settings, places = single[FLEET_PATH]
    span = places.get("name") or places.get("fleet") or start_of(FLEET_PATH)
    events = single[EVENTS_PATH]
    return Fleet(
        settings=Settings(span=span, places=places, **settings),
        capabilities=CapabilityTree(single[CAPABILITIES_PATH].values.get("capabilities", {})),
        events=catalogue(events.values, events.places, findings),
        artifacts=events.values.get("artifacts", {}),
        bots=tuple(bots),
        gates=tuple(sorted(single[GATES_PATH].values.get("gates", ()), key=lambda g: g.name)),
        edges=tuple(
            sorted(single[EDGES_PATH].values.get("edges", ()), key=lambda e: (e.source, e.target))
        ),
        invariants=tuple(
            sorted(single[INVARIANTS_PATH].values.get("invariants", ()), key=lambda i: i.name)
        ),
    )


def _once(bots: list[Bot], findings: Findings) -> list[Bot]:
    """The bots by name; of several of the same name the one whose path comes first."""
    first: dict[str, Bot] = {}
    for bot in bots:
        earlier = first.setdefault(bot.name, bot)
        if earlier is not bot:
            findings.append(
                DUPLICATE_NAME.at(
                    Label(bot.at("name"), "declared again"),
                    f"the bot `{bot.name}` is declared twice",
                    related=(Label(earlier.at("name"), "first declared here"),),
                    help="rename or remove one of them; until then neither is trusted",
                )
            )
    return [first[name] for name in sorted(first)]


def _missing(files: Mapping[str, bytes], findings: Findings) -> None:
    has_bots = any(is_bot_file(path) for path in files)
    if not has_bots:
        place = Label(start_of(BOTS_FOLDER))
        cure = "add a file per bot, `rules/bots/<bot>.yaml`"
        findings.append(EMPTY_FLEET.at(place, "the fleet has no bots", help=cure))
    for path, holds in MANDATORY.items():
        if path not in files and (has_bots or path == FLEET_PATH):
            message = f"there is no `{path}`"
            cure = f"add it: it declares {holds}"
            findings.append(MISSING_FILE.at(Label(start_of(path)), message, help=cure))


def _empty(path: str, shape: Shape) -> Diagnostic:
    message = f"expected {shape.title}, found an empty file"
    cure = f"write its keys ({shape.listed()}), or remove the file"
    return INVALID_VALUE.at(Label(start_of(path)), message, help=cure)


def _unexpected(path: str) -> Diagnostic:
    return UNEXPECTED_FILE.at(
        Label(start_of(path)),
        f"`{path}` is no file of a workspace, so nothing reads it",
        help=_meant(path) or "rename it, or move it out of `rules/` and `graphs/`",
        notes=(f"files of a workspace: `{BOTS_FOLDER}/<bot>.yaml`, {', '.join(SHAPES)}",),
    )


def _meant(path: str) -> str:
    # Compared by the name alone: the folders and the ending make everything look alike.
    stem = path.rpartition("/")[2].rpartition(".")[0]
    if path.startswith(f"{BOTS_FOLDER}/"):
        return f"did you mean `{BOTS_FOLDER}/{stem}.yaml`?"
    known = {each.rpartition("/")[2].removesuffix(".yaml"): each for each in SHAPES}
    close = closest(stem, known)
    return f"did you mean `{known[close]}`?" if close else ""


def _with_broken(fleet: Fleet, findings: tuple[Diagnostic, ...]) -> Fleet:
    broken = {span.path for finding in findings for span in _blamed(finding)}
    if not broken:
        return fleet
    return Fleet(
        settings=fleet.settings,
        capabilities=fleet.capabilities,
        events=fleet.events,
        artifacts=fleet.artifacts,
        bots=fleet.bots,
        gates=fleet.gates,
        edges=fleet.edges,
        invariants=fleet.invariants,
        broken=frozenset(broken),
    )


def _blamed(finding: Diagnostic) -> list[Span]:
    if finding.severity is not Severity.ERROR:
        return []
    return [finding.primary.span, *(label.span for label in finding.related)]
