"""Reference pages derived from the code: one page per code, with an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.checks.registry import CodePage

FAMILIES: Final = {
    "LB0": "Form of the rule files",
    "LB1": "Flow: events, graph, reach",
    "LB2": "Conditions",
    "LB3": "Scope, boundaries, approvals",
    "LB4": "Ownership",
    "LB5": "Time",
    "LB6": "Indirect power",
    "LB7": "Gates and emitted fields",
    "LB8": "Policy tests",
    "LB9": "Invariants: what must always or never hold",
    "LR0": "Decisions about a whole event",
    "LR1": "Decisions about a candidate, by rule",
    "LR2": "Decisions about a candidate, by state",
    "LR3": "Why nothing happened",
    "LR4": "What became of a job",
}
"""First characters of a code, and what such codes are about."""


def code_pages(pages: Iterable[CodePage]) -> dict[str, str]:
    """File name to text: a page for each code, and the index ``README.md``."""
    known = list(pages)
    files = {f"{page.code}.md": page.markdown for page in known}
    lines = [
        "# Codes",
        "",
        "`LB` codes are findings of `lotabots validate`, `LR` codes are decisions about events and",
        "jobs. `lotabots explain CODE` prints the same pages. Their examples are run as tests.",
    ]
    for family, title in FAMILIES.items():
        members = [page for page in known if page.code.startswith(family)]
        if members:
            lines += ["", f"## {title}", "", "| code | name | severity | |", "|---|---|---|---|"]
            lines += [
                f"| [{p.code}]({p.code}.md) | `{p.name}` | {p.severity} | {p.title} |"
                for p in members
            ]
    files["README.md"] = "\n".join(lines) + "\n"
    return files
