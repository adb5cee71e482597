"""Writes down what was seen: for programs as JSON, for people as one page of HTML.

The page needs nothing else and may do nothing: no scripts, no links, a policy that allows only its
own style. Names and texts come from elsewhere; they are text in it, whatever they say.
"""

from __future__ import annotations

import html
import json
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

REPORT, PAGE = "health-report.json", "dashboard.html"
MAX_SHOWN = 300
_ODD = "\ufffd"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid #ccc; overflow-wrap: anywhere }}
.passing {{ color: #0a5c2b }} .failing {{ color: #a80000; font-weight: bold }}
.unknown {{ color: #6b4a00; font-weight: bold }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Seen at <time datetime="{at}">{at}</time>.</p>
{targets}
<h2>Open alerts</h2>
{alerts}
</body>
</html>
"""
_TARGETS = (
    "name",
    "service",
    "environment",
    "release",
    "instances",
    "state",
    "status",
    "ms",
    "said",
)
_ALERTS = ("severity", "service", "environment", "rule", "metric", "value", "baseline", "alert_id")


def write(
    folder: Path, at: str, rows: Sequence[dict[str, Any]], opened: Sequence[dict[str, Any]]
) -> tuple[dict[str, str], ...]:
    """Write both into `folder`; the entries of the line that hands them over."""
    found = {"version": 1, "at": at, "targets": list(rows), "alerts": list(opened)}
    (folder / REPORT).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(at, rows, opened), encoding="utf-8")
    return (
        {"path": REPORT, "kind": "health-report", "media_type": "application/json"},
        {"path": PAGE, "kind": "dashboard", "media_type": "text/html"},
    )


def page(at: str, rows: Sequence[dict[str, Any]], opened: Sequence[dict[str, Any]]) -> str:
    """The page for people; what is not well comes first."""
    well = sum(row["state"] == "passing" for row in rows)
    released = sum(row["state"] != "idle" for row in rows)
    ordered = sorted(rows, key=lambda row: (row["state"] == "passing", row["name"]))
    return _PAGE.format(
        title=f"{well} of {released} targets are well",
        at=text(at),
        targets=_table(_TARGETS, ordered),
        alerts=_table(_ALERTS, opened) if opened else "<p>None.</p>",
    )


def _table(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    head = "".join(f'<th scope="col">{text(name.replace("_", " "))}</th>' for name in names)
    body = "\n".join(f"<tr>{''.join(_cell(name, row) for name in names)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _cell(name: str, row: dict[str, Any]) -> str:
    value = row.get(name, "")
    shown = text(f"{value:.4g}" if isinstance(value, float) else str(value))
    return f'<td class="{shown}">{shown}</td>' if name == "state" else f"<td>{shown}</td>"


def text(found: str) -> str:
    """Any text as text of a page: short, visible, and no markup."""
    cut = found if len(found) <= MAX_SHOWN else f"{found[:MAX_SHOWN]}…"
    return html.escape("".join(_visible(one) for one in cut))


def _visible(one: str) -> str:
    if one in "\r\n\t":
        return " "
    return _ODD if unicodedata.category(one)[0] == "C" else one
