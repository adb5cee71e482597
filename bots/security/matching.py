"""Which known vulnerabilities the parts of a build have. Versions are compared by PEP 440."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import findings
import severity
from failure import UnfitError
from findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from advisories import Database

TOOL = "osv"
PURL = "pkg:pypi/"


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
        told: set[str] = set()
        for record in sorted(self._database.of(part.name), key=_cve):
            names = {record["id"], *record.get("aliases", ())}
            if exact is not None:
                hit = self._has(record, exact)
            else:
                hit = asked is not None and not self._can_avoid(record, asked.specifier)
            if hit and not names & told:
                yield _finding(part, record, self._fixes(record))
            told |= names if hit else set()

    def _has(self, record: Mapping[str, Any], version: Any) -> bool:  # noqa: ANN401 - a Version
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

    def _can_avoid(self, record: Mapping[str, Any], allowed: Any) -> bool:  # noqa: ANN401
        """Whether some version that the requirement allows is known not to be affected."""
        texts = [*self._fixes(record), *(one.version for one in allowed)]
        for text in texts:
            try:
                version = self._version(text.removesuffix(".*"))
            except self._unfit:
                continue
            if allowed.contains(version, prereleases=True) and not self._has(record, version):
                return True
        return False

    def _fixes(self, record: Mapping[str, Any]) -> list[str]:
        ranges = (one for affected in record["affected"] for one in affected.get("ranges", ()))
        return [
            event["fixed"]
            for one in ranges
            if one.get("type") == "ECOSYSTEM"
            for event in one["events"]
            if "fixed" in event
        ]

    def _at(self, text: str) -> Any:  # noqa: ANN401 - a Version
        return self._version("0.dev0" if text == "0" else text)

    def _equal(self, text: str, version: Any) -> bool:  # noqa: ANN401 - a Version
        try:
            return bool(self._version(text) == version)
        except self._unfit:
            return False


ORDER = ("last_affected", "fixed", "introduced", "limit")


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


def _cve(record: Mapping[str, Any]) -> str:
    names = sorted(one for one in (record["id"], *record.get("aliases", ())) if one[:4] == "CVE-")
    return names[0] if names else str(record["id"])


def _finding(part: Part, record: Mapping[str, Any], fixes: Sequence[str]) -> Finding:
    said = record.get("summary") or record.get("details") or "no description"
    cure = f"; fixed in {', '.join(fixes[:5])}" if fixes else "; no version is free of it"
    text = findings.message(f"{part.shown}: {str(said)[:180]}{cure}")
    return Finding(
        TOOL, _cve(record)[:128], part.shown[:200], 0, text, part.shown, severity.of_record(record)
    )


def _uncheckable(part: Part, why: str) -> Finding:
    said = findings.message(f"{part.shown} cannot be looked up: {why}")
    return Finding(TOOL, "uncheckable-part", part.shown[:200], 0, said, part.shown, "medium")
