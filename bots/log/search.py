"""Answers a search: the newest lines that fit, how many there are, and how many in each hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import query
from failure import NothingError
from lines import LEVELS
from store import HOUR_MS, reading
from task import File, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store import Store
    from task import Task

MAX_HOURS = 1_000
MAX_CHARACTERS = 1024 * 1024
"""Of the texts of all hits together, but for the first one."""

RESULT, TEXT = "search-result.json", "search-result.txt"
FIELDS = ("at", "level", "service", "environment", "file", "instance", "text")


def search(task: Task) -> Iterator[Line]:
    """What a search finds."""
    asked = query.parse(task.payload["query"], task.at)
    with reading(task.state) as store:
        segments = store.segments()
        checked = sum(one.lines for one in segments)
        if not checked:
            raise NothingError("no line was indexed yet")
        found = {
            "version": 1,
            "search": task.payload["search"],
            "query": task.payload["query"],
            "at": task.at.isoformat(timespec="seconds"),
            "checked": checked,
            "segment": segments[-1].digest,
            **_find(store, asked, int(task.payload["limit"])),
        }
    payload = {"checked": checked, "total": found["total"]}
    as_json = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    files = (
        File(RESULT, "search-result", "application/json", as_json),
        File(TEXT, "search-result", "text/plain", _text(found)),
    )
    yield Line("log.found", payload, files)


def _find(store: Store, asked: query.Query, limit: int) -> dict[str, Any]:
    where, values = asked.where()
    hits = store.query(
        f"SELECT {', '.join(FIELDS)} FROM line WHERE {where}"  # noqa: S608 - values are bound
        " ORDER BY at DESC, id DESC LIMIT ?",
        [*values, limit],
    )
    hours = store.query(
        f"SELECT at / {HOUR_MS}, count(*) FROM line WHERE {where}"  # noqa: S608 - values are bound
        " GROUP BY 1 ORDER BY 1 DESC",
        values,
    )
    return {
        "total": sum(count for _, count in hours),
        "hours": [
            {"hour": _time(hour * HOUR_MS, "minutes"), "lines": count}
            for hour, count in hours[:MAX_HOURS]
        ],
        "hits": list(_shown(hits)),
    }


def _shown(rows: list[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    left = MAX_CHARACTERS
    for row in rows:
        yield _hit(row)
        left -= len(row[-1])
        if left <= 0:
            return


def _hit(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(FIELDS, row, strict=True))
    return {**found, "at": _time(found["at"], "milliseconds"), "level": LEVELS[found["level"]]}


def _time(moment: int, precision: str) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec=precision)


def _text(found: dict[str, Any]) -> str:
    head = [
        f"{found['total']} of {found['checked']} lines, the newest {len(found['hits'])}:",
        "",
    ]
    hits = [
        " ".join(str(one[name]) or "-" for name in FIELDS if name != "file")
        for one in found["hits"]
    ]
    hours = [f"{one['lines']:>8} {one['hour']}" for one in found["hours"]]
    return "\n".join([*head, *hits, "", "Lines in each hour (UTC):", "", *hours]) + "\n"
