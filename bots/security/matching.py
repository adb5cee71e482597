"""Which known vulnerabilities the parts of a build have. Versions are compared by PEP 440."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import findings
import severity
from failure import UnfitError
from findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from advisories import Database

TOOL = "osv"
PURL = "pkg:pypi/"
ORDER = ("last_affected", "fixed", "introduced", "limit")
Record: TypeAlias = "Mapping[str, Any]"


class Part(NamedTuple):
    """A package of a build: with its exact version, or with what is required of it."""

    name: str
    version: str
    requirement: str

    @property
    def shown(self) -> str:
        """The part as findings name it."""
        return f"{self.name}=={self.version}" if self.version else self.requirement


def parts(sbom: Mapping[str, Any], *, built: str) -> list[Part]:
    """The packages in a CycloneDX document about the artifact with the digest `built`."""
    try:
        root = sbom["metadata"]["component"]
        listed = [one for one in sbom.get("components", ()) if one["type"] == "library"]
        hashes = {f"sha256:{one['content']}" for one in root["hashes"] if one["alg"] == "SHA-256"}
        if sbom["bomFormat"] != "CycloneDX" or built not in hashes:
            raise UnfitError("the SBOM is not that of the artifact")
        return [_part(one) for one in (root, *listed)]
    except (KeyError, TypeError, AttributeError) as error:
        raise UnfitError(f"the SBOM lacks {error}") from error


class Matcher:
    """Looks parts up; `tools` is the toolbox with `packaging`."""

    def __init__(self, database: Database, tools: str) -> None:
        if tools not in sys.path:
            sys.path.insert(0, tools)
        from packaging import requirements, specifiers, version  # noqa: PLC0415 - only now there

        self._database = database
        self._version = version.Version
        self._specifiers = specifiers.SpecifierSet
        self._requirement = requirements.Requirement
        self._unfit = (version.InvalidVersion, requirements.InvalidRequirement)

    def findings(self, listed: Iterable[Part]) -> list[Finding]:
        """What is known about the parts; each vulnerability of a part once, whatever its names."""
        return [finding for part in dict.fromkeys(listed) for finding in self._of(part)]

    def _of(self, part: Part) -> Iterator[Finding]:
        try:
            asked = self._requirement(part.requirement) if not part.version else None
            exact = self._version(part.version) if part.version else None
        except self._unfit as error:
            yield _uncheckable(part, str(error))
            return
        if asked is not None and asked.url:
            yield _uncheckable(part, "it comes from an address, without a version")
            return
        records: list[Record] = [*self._database.of(part.name)]
        if exact is not None:
            hits = [one for one in records if self._has(one, exact)]
        else:
            hits = self._unavoidable(records, asked.specifier if asked else self._specifiers())
        for same in _grouped(hits):
            yield _finding(part, same)

    def _unavoidable(self, records: list[Record], allowed: Any) -> list[Record]:  # noqa: ANN401
        """Records that the newest version has that is allowed, unless another is free of all.

        Only versions that the records and the requirement tell of are known to exist.
        """
        texts = {one.version for one in allowed}
        for record in records:
            texts.update(_events(record, "fixed"), self._after(record))
        hits: list[Record] | None = None
        for version in sorted(self._readable(texts), reverse=True):
            if allowed.contains(version, prereleases=True):
                found = [one for one in records if self._has(one, version)]
                if not found:
                    return []
                hits = found if hits is None else hits
        return records if hits is None else hits

    def _has(self, record: Record, version: Any) -> bool:  # noqa: ANN401 - a Version
        return any(self._is_affected(one, version) for one in record["affected"])

    def _is_affected(self, affected: Mapping[str, Any], version: Any) -> bool:  # noqa: ANN401
        listed = affected.get("versions", ())
        if any(self._equal(text, version) for text in listed):
            return True
        ranges = [one for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
        if not ranges and not listed:
            return True  # it says of no version that it is affected, so it may be all
        return any(self._in_range(one["events"], version) for one in ranges)

    def _in_range(self, events: Sequence[Mapping[str, str]], version: Any) -> bool:  # noqa: ANN401
        """https://ossf.github.io/osv-schema/#evaluation; an event that nobody can read may be."""
        try:
            ordered = sorted(
                ((self._at(text), kind) for event in events for kind, text in event.items()),
                key=lambda one: (one[0], ORDER.index(one[1])),
            )
        except (*self._unfit, ValueError):
            return True
        inside = False
        for at, kind in ordered:
            if kind == "introduced" and version >= at:
                inside = True
            elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
                inside = False
        return inside

    def _readable(self, texts: Iterable[str]) -> Iterator[Any]:
        for text in texts:
            try:
                yield self._version(text.removesuffix(".*"))
            except self._unfit:
                continue

    def _after(self, record: Record) -> Iterator[str]:
        """The next versions after the last that is affected: there are newer ones, it says."""
        for version in self._readable(_events(record, "last_affected")):
            *front, last = version.release
            yield ".".join(map(str, (*front, last + 1)))
            yield str(version.release[0] + 1)

    def _at(self, text: str) -> Any:  # noqa: ANN401 - a Version
        return self._version("0.dev0" if text == "0" else text)

    def _equal(self, text: str, version: Any) -> bool:  # noqa: ANN401 - a Version
        try:
            return bool(self._version(text) == version)
        except self._unfit:
            return False


def _events(record: Record, kind: str) -> list[str]:
    ranges = (one for affected in record["affected"] for one in affected.get("ranges", ()))
    return [
        event[kind]
        for one in ranges
        if one.get("type") == "ECOSYSTEM"
        for event in one["events"]
        if kind in event
    ]


def _part(component: Mapping[str, Any]) -> Part:
    purl = str(component.get("purl", ""))
    texts = [
        str(one["value"])
        for one in component.get("properties", ())
        if one["name"] == "lotabots:requirement"
    ]
    name, version = str(component["name"]), str(component.get("version", ""))
    if purl and not purl.startswith(PURL):
        return Part(name, "", purl)  # of another ecosystem: its requirement is none
    return Part(name, version, texts[0] if texts else name)


def _grouped(records: Iterable[Record]) -> list[list[Record]]:
    """Records of the same vulnerability together: one is an alias of the other."""
    groups: list[tuple[set[str], list[Record]]] = []
    for record in records:
        names = {record["id"], *record.get("aliases", ())}
        related = [group for group in groups if group[0] & names]
        merged = [one for group in related for one in group[1]]
        groups = [group for group in groups if group not in related]
        groups.append((names.union(*(group[0] for group in related)), [*merged, record]))
    return [sorted(group, key=lambda one: one["id"]) for _, group in groups]


def _finding(part: Part, same: Sequence[Record]) -> Finding:
    names = {name for one in same for name in (one["id"], *one.get("aliases", ()))}
    rule = min(names, key=lambda name: (not name.startswith("CVE-"), name))
    said = next((one["summary"] for one in same if one.get("summary")), "no description")
    fixes = list(dict.fromkeys(text for one in same for text in _events(one, "fixed")))
    cure = f"; fixed in {', '.join(fixes[:5])}" if fixes else "; no version is known to be free"
    text = findings.message(f"{part.shown}: {str(said)[:180]}{cure}")
    rated = [level for one in same if (level := severity.of_record(one))]
    worst = max(rated, key=severity.LEVELS.index, default=severity.UNKNOWN)
    return Finding(TOOL, rule[:128], part.shown[:200], 0, text, part.shown, worst)


def _uncheckable(part: Part, why: str) -> Finding:
    said = findings.message(f"{part.shown} cannot be looked up: {why}")
    return Finding(TOOL, "uncheckable-part", part.shown[:200], 0, said, part.shown, "medium")
