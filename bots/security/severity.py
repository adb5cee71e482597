"""How serious a finding is: by our table for rules, by its CVSS vector or its source for a CVE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = ("low", "medium", "high", "critical")
UNKNOWN = "high"  # what nobody has rated is not taken lightly
WORDS = {"low": "low", "moderate": "medium", "medium": "medium", "high": "high",
         "critical": "critical"}  # fmt: skip

# CVSS v3.1 base metrics: https://www.first.org/cvss/v3-1/specification-document section 7.4
WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def of_rule(rule: str, table: Mapping[str, str]) -> str:
    """The severity of a rule, by the longest beginning that the table has."""
    found = max((begin for begin in table if rule.startswith(begin)), key=len, default="")
    return table.get(found, UNKNOWN)


def of_record(record: Mapping[str, Any]) -> str:
    """The severity of an OSV record; empty if it is not rated in a way that we read."""
    said = record.get("database_specific")
    word = said.get("severity") if isinstance(said, dict) else None
    if isinstance(word, str) and word.lower() in WORDS:
        return WORDS[word.lower()]
    scores = [score(one["score"]) for one in record.get("severity", ()) if "score" in one]
    known = [one for one in scores if one is not None]
    return level(max(known)) if known else ""


def level(base: float) -> str:
    """The word for a CVSS base score."""
    if base >= 9.0:  # noqa: PLR2004 - the qualitative scale of the standard, section 5
        return "critical"
    if base >= 7.0:  # noqa: PLR2004
        return "high"
    return "medium" if base >= 4.0 else "low"  # noqa: PLR2004


def score(vector: str) -> float | None:
    """The base score of a CVSS v3 vector; None for any other text.

    >>> score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    9.8
    """
    head, *parts = str(vector).split("/")
    metrics = dict(part.split(":", 1) for part in parts if ":" in part)
    if not head.startswith("CVSS:3"):
        return None
    try:
        weight = {name: values[metrics[name]] for name, values in WEIGHTS.items()}
        changed = metrics["S"] == "C"
        privileges = PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    base = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 6.42 * base
    if changed:
        impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    if impact <= 0:
        return 0.0
    exploit = 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    return _rounded_up(min((1.08 if changed else 1.0) * (impact + exploit), 10.0))


def _rounded_up(value: float) -> float:
    """To one decimal, as appendix A of the standard says, safe from binary fractions."""
    scaled = round(value * 100_000)
    if scaled % 10_000 == 0:
        return scaled / 100_000
    return (math.floor(scaled / 10_000) + 1) / 10
