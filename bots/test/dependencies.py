"""What a wheel needs: from the toolbox, else from the wheelhouse, and from nowhere else."""

from __future__ import annotations

import importlib
from importlib.metadata import PathDistribution, distributions
from typing import TYPE_CHECKING, Any, NamedTuple

import wheel
from asked import GROUPS
from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wheel import Unpacked

SHOWN = 10


class Offer(NamedTuple):
    """A wheel in the wheelhouse."""

    path: Path
    version: Any
    is_pure: bool


class Supply:
    """Unpacks what is needed below `site`, each thing once."""

    def __init__(self, tools: Path, wheelhouse: Path, site: Path) -> None:
        # The toolbox is on the path only now.
        self._packaging: Any = importlib.import_module("packaging.requirements")
        self._utils: Any = importlib.import_module("packaging.utils")
        self._site = site
        self._offers = list(wheelhouse.glob("*.whl"))
        self._here = {
            self._utils.canonicalize_name(one.name): one.version
            for one in distributions(path=[str(tools)])
            if isinstance(one, PathDistribution)
        }
        self._tools = frozenset(self._here)
        self._names = frozenset(_top_names(tools))
        self._missing: list[str] = []

    def unpack(self, path: Path, name: str) -> Unpacked:
        """Unpack a wheel with all that it needs.

        Raises:
            UnfitError: something is missing; it is named.
        """
        found = self._one(path, name, GROUPS)
        if self._missing:
            shown = ", ".join(f"`{one[:100]}`" for one in sorted(set(self._missing))[:SHOWN])
            raise UnfitError(f"the wheel needs {shown}, which toolbox and wheelhouse do not have")
        return found

    def add(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Unpack those of these requirements that are there; the names of the others."""
        names = []
        for text in texts:
            try:
                need = self._packaging.Requirement(text)
            except self._packaging.InvalidRequirement:
                continue
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                self._get(need, optional=True)
                names.append(self._utils.canonicalize_name(need.name))
        return tuple(sorted({name for name in names if name not in self._here}))

    def _one(self, path: Path, name: str, extras: frozenset[str]) -> Unpacked:
        found = wheel.unpack(path, name, self._site, taken=self._names)
        self._here[self._utils.canonicalize_name(found.name)] = found.version
        for text, optional in self._wanted(found, extras):
            self._get(text, optional=optional)
        return found

    def _wanted(self, found: Unpacked, extras: frozenset[str]) -> Iterator[tuple[Any, bool]]:
        """The requirements that hold here; those of an extra for tests may stay unmet."""
        own = [extra for extra in found.extras if extra in extras]
        for text in found.requires:
            try:
                need = self._packaging.Requirement(text)
            except self._packaging.InvalidRequirement as error:
                raise UnfitError(f"`{found.name}` requires `{text[:200]}`: {error}") from error
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                yield need, False
            elif any(need.marker.evaluate({"extra": extra}) for extra in own):
                yield need, True

    def _get(self, need: Any, *, optional: bool) -> None:  # noqa: ANN401 - a requirement
        name = self._utils.canonicalize_name(need.name)
        if name in self._here:
            fits = need.specifier.contains(self._here[name], prereleases=True)
            if not fits and not optional:
                self._missing.append(str(need))
            return
        offers = [
            offer
            for offer in self._offered(name)
            if need.specifier.contains(offer.version) and (offer.is_pure or not optional)
        ]
        if offers:
            best = max(offers, key=lambda offer: offer.version)
            self._one(best.path, best.path.name, frozenset(need.extras))
        elif not optional:
            self._missing.append(str(need))

    def _offered(self, name: str) -> Iterator[Offer]:
        for path in self._offers:
            try:
                named, version, _, tags = self._utils.parse_wheel_filename(path.name)
            except self._utils.InvalidWheelFilename:
                continue
            if named == name:
                yield Offer(path, version, all(tag.platform == "any" for tag in tags))


def version(tools: Path, name: str) -> str:
    """The version of a package in the toolbox."""
    for found in distributions(name=name, path=[str(tools)]):
        if isinstance(found, PathDistribution):
            return found.version
    return "unknown"


def _top_names(tools: Path) -> Iterator[str]:
    """What can be imported from the toolbox."""
    for path in tools.iterdir():
        if path.suffix in ("", ".py") and path.name not in ("bin", "__pycache__"):
            yield path.stem.lower()
