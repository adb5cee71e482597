"""``bots/<folder>/manifest.yaml``: how a bot's programs are started. It grants nothing.

::

    manifest: 1
    bot: BuildBot
    entry_points:
      build: {run: ["{python}", -I, -S, "{bot}"], toolbox: build}

Read strictly: every error has a place and says the cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.syntax.compose import compose
from lotabots.syntax.nodes import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    import collections.abc as c
    from pathlib import Path

    from lotabots.syntax.nodes import Node

VERSION: Final = "1"
FILE: Final = "manifest.yaml"
_MEMBERS: Final = ("manifest", "bot", "entry_points")
_ENTRY_MEMBERS: Final = ("run", "toolbox")
_EXAMPLE: Final = 'run: ["{python}", -I, -S, "{bot}"]'


class EntryPoint(NamedTuple):
    """A program and its arguments, and the toolbox that it works with (maybe none)."""

    run: tuple[str, ...]
    toolbox: str


class Manifest(NamedTuple):
    """What a bot's folder says about itself."""

    bot: str
    folder: Path
    entry_points: c.Mapping[str, EntryPoint]


class ManifestError(Exception):
    """A manifest cannot be used; `errors` are all its errors, one line each."""

    def __init__(self, errors: c.Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


class Manifests(NamedTuple):
    """The manifests of a workspace by bot; `errors` are those of the others."""

    by_bot: c.Mapping[str, Manifest]
    errors: tuple[str, ...]


def read_manifests(bots: Path) -> Manifests:
    """The manifests of all folders below `bots`."""
    found: dict[str, Manifest] = {}
    errors: list[str] = []
    for path in sorted(bots.glob(f"*/{FILE}")):
        try:
            manifest = decode(path.read_bytes(), folder=path.parent)
        except ManifestError as error:
            errors += error.errors
            continue
        if manifest.bot in found:
            other = found[manifest.bot].folder.name
            errors.append(f"bots/{path.parent.name}/{FILE}: `{manifest.bot}` is also bots/{other}")
            continue
        found[manifest.bot] = manifest
    return Manifests(found, tuple(errors))


def decode(data: bytes, *, folder: Path) -> Manifest:
    """The manifest `data` of the bot in `folder`.

    Raises:
        ManifestError: it has errors; all of them are in it.
    """
    shown = f"bots/{folder.name}/{FILE}"
    node, findings = compose(shown, data)
    reader = _Reader([f"{found.primary.span}: {found.message}" for found in findings])
    if node is None:
        raise ManifestError(reader.errors or [f"{shown}: the file is empty; write `manifest: 1`"])
    manifest = reader.manifest(node, folder)
    if reader.errors:
        raise ManifestError(reader.errors)
    return manifest


class _Reader:
    """Collects errors; what it returns is only good if there are none."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors

    def manifest(self, node: Node, folder: Path) -> Manifest:
        members = self._members(node, "a manifest", _MEMBERS, needed=_MEMBERS)
        version = members.get("manifest")
        if version is not None and self._text(version, "manifest") != VERSION:
            self._error(version, f"this LotaBots reads manifests of version {VERSION} only")
        bot = self._text(members.get("bot"), "bot")
        entries = members.get("entry_points")
        points: dict[str, EntryPoint] = {}
        if isinstance(entries, Mapping) and entries.entries:
            points = {key.text: self._entry(key.text, value) for key, value in entries.entries}
        elif entries is not None:
            self._error(entries, "`entry_points` maps names to `{run, toolbox}`; give at least one")
        return Manifest(bot, folder, points)

    def _entry(self, name: str, node: Node) -> EntryPoint:
        members = self._members(node, f"entry point `{name}`", _ENTRY_MEMBERS, needed=("run",))
        run = members.get("run")
        words: tuple[str, ...] = ()
        if isinstance(run, Sequence) and run.items:
            words = tuple(self._text(item, "run") for item in run.items)
        elif run is not None:
            said = f"`run` is a list of a program and its arguments, such as {_EXAMPLE}"
            self._error(run, f"{said}; a shell line is never run")
        toolbox = members.get("toolbox")
        return EntryPoint(words, "" if toolbox is None else self._text(toolbox, "toolbox"))

    def _members(
        self, node: Node, what: str, known: tuple[str, ...], *, needed: tuple[str, ...]
    ) -> dict[str, Node]:
        if not isinstance(node, Mapping):
            self._error(node, f"{what} is a mapping with {_listed(known)}")
            return {}
        found = {key.text: value for key, value in node.entries}
        for key, _ in node.entries:
            if key.text not in known:
                from difflib import get_close_matches  # noqa: PLC0415 - only on the way out

                close = get_close_matches(key.text, known, n=1)
                cure = f"did you mean `{close[0]}`?" if close else f"it has {_listed(known)}"
                self._error(key, f"{what} has no `{key.text}`; {cure}")
        for name in needed:
            if name not in found:
                self._error(node, f"{what} lacks `{name}`; add it")
        return found

    def _text(self, node: Node | None, name: str) -> str:
        if isinstance(node, Scalar) and node.text and "\0" not in node.text:
            return node.text
        if node is not None:
            self._error(node, f"`{name}` must be text; write a single value")
        return ""

    def _error(self, node: Node, message: str) -> None:
        self.errors.append(f"{node.span}: {message}")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
