"""Findings, and which of them are new.

Two findings are the same if rule, path and stripped line are: a neighbour's change does not make
one new. A line counts as often as it stands there. The fingerprint that leaves the sandbox is
made without the texts in the line, which may be secrets.
This file is the same in every bot that has findings (a test compares them).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_MESSAGE = 300
MAX_PATH = 1000
TEXTS = re.compile(r"""(["'])(?:\\.|(?!\1).)*(?:\1|$)""")
ACCEPTED = re.compile(r"(?P<fp>[0-9a-f]{64})\s+(?P<reason>\S.*)")
KNOWN = re.compile(
    r"-----BEGIN[^\n]*|\b(?:gh[pousr]_\w{20,}|github_pat_\w+|xox[abprse]-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w.-]+)"
)


class Finding(NamedTuple):
    """`text` is the stripped line and never leaves; `shown` is what the fingerprint is made of."""

    tool: str
    rule: str
    path: str
    line: int
    message: str
    text: str
    severity: str = "low"
    shown: str = ""

    @property
    def fingerprint(self) -> str:
        """Stable while rule, path and line are, whatever its texts say."""
        shown = self.shown or TEXTS.sub("<text>", self.text)
        return hashlib.sha256(f"{self.rule}\0{self.path}\0{shown}".encode()).hexdigest()

    @property
    def same(self) -> tuple[str, str, str]:
        """Equal for findings that are the same."""
        return self.rule, self.path, self.text


def new(
    found: Iterable[Finding], before: Iterable[Finding], *, unchanged: frozenset[str]
) -> list[Finding]:
    """Those that `before` does not have; files that are `unchanged` have nothing new."""
    left = Counter(finding.same for finding in before)
    fresh = []
    for finding in found:
        if finding.path in unchanged:
            continue
        if left[finding.same] > 0:
            left[finding.same] -= 1
        else:
            fresh.append(finding)
    return fresh


def read_accepted(path: Path) -> Mapping[str, str]:
    """Fingerprints that people have accepted, with their reasons; no file, none."""
    accepted = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else (), 1):
        stripped = line.partition("#")[0].strip()
        if not stripped:
            continue
        match = ACCEPTED.fullmatch(stripped)
        if match is None:
            raise UnfitError(f"{path.name}:{number}: write a fingerprint and the reason")
        accepted[match["fp"]] = match["reason"]
    return accepted


def message(text: str) -> str:
    """A message fit to leave: one line, not too long, no known form of a secret."""
    return KNOWN.sub("<masked>", " ".join(text.split()))[:MAX_MESSAGE]


def by_rule(found: Iterable[Finding]) -> list[dict[str, object]]:
    """How many of each rule, the most frequent first."""
    counts = Counter(finding.rule for finding in found)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"rule": rule, "count": count} for rule, count in ordered]
