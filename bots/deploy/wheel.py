"""Looks at a wheel and at what it needs, without running or unpacking anything of it."""

from __future__ import annotations

import hashlib
import importlib
import re
import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FILES = 50_000
MAX_BYTES = 512 * 2**20
MAX_METADATA = 4 * 2**20
FILE_NAME = re.compile(
    r"[A-Za-z0-9._]+-[A-Za-z0-9._!+]+(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl", re.ASCII
)
METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
SOUND = (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError, EOFError)
SDISTS = (".tar.gz", ".zip")


class Wheel(NamedTuple):
    """A wheel: where it lies, what its file is called, and what that name says."""

    path: Path
    file: str
    project: str
    version: str


def verify(path: Path, digest: str) -> None:
    """Hash the file at `path` again.

    Raises:
        UnfitError: it is not what `digest` names.
    """
    with path.open("rb") as file:
        found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    if found != digest:
        raise UnfitError(f"the artifact is not the one that was approved: it is {found}")


class Supply:
    """A wheel to install and the wheels that it may get, from the wheelhouse and nowhere else."""

    def __init__(self, wheelhouse: Path) -> None:
        # The toolbox is on the path only now.
        self._utils: Any = importlib.import_module("packaging.utils")
        self._requirements: Any = importlib.import_module("packaging.requirements")
        tags: Any = importlib.import_module("packaging.tags")
        self._tags = frozenset(tags.sys_tags())
        self._house = wheelhouse

    def wheel(self, path: Path, name: str) -> Wheel:
        """The wheel at `path`, whose file name is `name`.

        Raises:
            UnfitError: it is none, or none for this host.
        """
        found = self._named(path, name)
        if found is None:
            raise UnfitError(
                f"`{name:.200}` is not the name of a wheel; what has to be built is not deployed"
            )
        if not found[1] & self._tags:
            raise UnfitError(f"`{name:.200}` is not for this system")
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except SOUND as error:
            raise UnfitError(f"`{name:.200}` is not a sound wheel: {error}") from error
        size = sum(one.file_size for one in members)
        if len(members) > MAX_FILES or size > MAX_BYTES:
            raise UnfitError(f"`{name:.200}` is too large: {len(members)} files, {size} bytes")
        return found[0]

    def closure(self, first: Wheel) -> tuple[Wheel, ...]:
        """`first` and all wheels of the wheelhouse that it, or what it needs, could need.

        Raises:
            UnfitError: something is not there as a wheel, or is to come from elsewhere.
        """
        offers, others = self._offers(first)
        found = {first.project: [first]}
        seen = set()
        queue = [(first, "")]
        while queue:
            wheel, extra = queue.pop()
            if (wheel, extra) in seen:
                continue
            seen.add((wheel, extra))
            for need in self._needs(wheel, extra):
                name = self._utils.canonicalize_name(need.name)
                if name not in found:
                    found[name] = offers.get(name) or _missing(wheel, need, others.get(name))
                queue += [(one, extra) for one in found[name] for extra in ("", *need.extras)]
        return tuple(one for several in found.values() for one in several)

    def _needs(self, wheel: Wheel, extra: str) -> Iterator[Any]:
        """The requirements that hold here."""
        for text in _requires(wheel):
            try:
                need = self._requirements.Requirement(text)
                holds = need.marker is None or need.marker.evaluate({"extra": extra})
            except ValueError as error:
                raise UnfitError(f"`{wheel.file}` requires `{text:.200}`: {error}") from error
            if not holds:
                continue
            if need.url:
                raise UnfitError(
                    f"`{wheel.file}` requires `{text:.200}`; only the wheelhouse is a source"
                )
            yield need

    def _offers(self, first: Wheel) -> tuple[dict[str, list[Wheel]], dict[str, str]]:
        """The usable wheels of the wheelhouse by project, and files that would have to be built."""
        offers: dict[str, list[Wheel]] = {}
        others: dict[str, str] = {}
        for path in sorted(self._house.iterdir()):
            named = self._named(path, path.name)
            if named is not None and named[1] & self._tags and named[0].project != first.project:
                offers.setdefault(named[0].project, []).append(named[0])
            elif path.name.endswith(SDISTS):
                project = self._utils.canonicalize_name(path.name.rpartition("-")[0])
                others[project] = path.name
        return offers, others

    def _named(self, path: Path, name: str) -> tuple[Wheel, frozenset[Any]] | None:
        if FILE_NAME.fullmatch(name) is None:
            return None
        try:
            project, version, _, tags = self._utils.parse_wheel_filename(name)
        except self._utils.InvalidWheelFilename:
            return None
        return Wheel(path, name, str(project), str(version)), frozenset(tags)


def _missing(wheel: Wheel, need: object, other: str | None) -> list[Wheel]:
    more = f"; `{other}` would have to be built, which DeployBot does not" if other else ""
    raise UnfitError(
        f"`{wheel.file}` needs `{need!s:.100}`, of which the wheelhouse has no wheel{more}"
    )


def _requires(wheel: Wheel) -> list[str]:
    """The requirements in the metadata of a wheel."""
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            (info,) = [one for one in archive.infolist() if METADATA.fullmatch(one.filename)]
            with archive.open(info) as file:
                text = file.read(MAX_METADATA).decode("utf-8")
    except SOUND as error:
        raise UnfitError(f"`{wheel.file}` is not a sound wheel: {error}") from error
    return [str(one) for one in HeaderParser().parsestr(text).get_all("Requires-Dist", [])]
