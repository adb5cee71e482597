"""The check of a build's parts against advisory data, which must be there and be fresh."""

from __future__ import annotations

import hashlib
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import findings
import matching
from failure import UnfitError
from findings import Finding
from matching import Part
from scan import ACCEPTED

from advisories import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from advisories import About

MAX_SBOM = 32 * 2**20
SKEW = timedelta(hours=1)


class Check(NamedTuple):
    """What is known about the parts; `problem` says why the data cannot be relied on."""

    found: list[Finding]
    suppressed: int
    about: About | None
    problem: str


def read_parts(event: Mapping[str, Any], files: Mapping[str, str]) -> list[Part]:
    """The parts in the SBOM that a build handed over; `files` are its artifacts by digest."""
    named = [one for one in event["artifacts"] if one["kind"] == "sbom"]
    if len(named) != 1:
        raise UnfitError(f"the build handed over {len(named)} SBOMs")
    path = Path(files[named[0]["digest"]])
    if path.stat().st_size > MAX_SBOM:
        raise UnfitError(f"the SBOM is larger than {MAX_SBOM} bytes")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"the SBOM is no JSON: {type(error).__name__}") from error
    return matching.parts(document, built=event["artifact"]["digest"])


def check(listed: list[Part], *, place: Path, tools: str, max_age: timedelta) -> Check:
    """Look the parts up; that the data are missing or old is a finding too."""
    try:
        database = Database(place)
    except UnfitError as error:
        return Check([_unreliable("advisories-missing", str(error))], 0, None, str(error))
    every = matching.Matcher(database, tools).findings(listed)
    accepted = findings.read_accepted(ACCEPTED)
    found = [one for one in every if one.fingerprint not in accepted]
    problem = _too_old(database.about, max_age)
    if problem:
        found.insert(0, _unreliable("advisories-stale", problem))
    return Check(found, len(every) - len(found) + bool(problem), database.about, problem)


class Builds:
    """The parts of the newest build of each repository, to be looked up again later."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "builds"

    def write(self, repository: str, listed: list[Part], told: list[str]) -> None:
        """Replace what is known of a repository; `told` are fingerprints that people know of."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(repository.encode()).hexdigest()[:32]
        part = self._folder / f".{name}-{os.getpid()}"
        known = {"repository": repository, "parts": listed, "told": told}
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(self._folder / f"{name}.json")

    def read(self) -> Iterator[tuple[str, list[Part], list[str]]]:
        """Each repository with its parts and what was told of them."""
        for path in sorted(self._folder.glob("*.json")):
            known = json.loads(path.read_bytes())
            yield known["repository"], [Part(*one) for one in known["parts"]], known["told"]


def _too_old(about: About, max_age: timedelta) -> str:
    now = datetime.fromtimestamp(time.time(), UTC)
    if about.as_of > now + SKEW:
        return f"the advisories of {about.name} are from the future: {about.as_of.isoformat()}"
    if now - about.as_of > max_age:
        return (
            f"the advisories of {about.name} are as of {about.as_of.isoformat()}, "
            f"more than {max_age.days} days ago"
        )
    return ""


def _unreliable(rule: str, why: str) -> Finding:
    return Finding(matching.TOOL, rule, "{advisories}", 0, why, "", "high")
