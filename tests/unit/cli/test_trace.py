"""How `lotabots trace` draws what an event led to."""

from __future__ import annotations

from typing import Any

import pytest

from lotabots.cli.trace import waterfall

GATE = "deploy.requested from gate.release-production"


def event(source: str, second: int) -> dict[str, Any]:
    at = f"2026-03-01T12:00:0{second}+00:00"
    return {"kind": "event", "type": "deploy.requested", "source": source, "at": at}


SPANS = [event("cli.ann", 0), event("gate.release-production", 4)]


@pytest.mark.parametrize("width", [70, 80, 120])
def test_names_are_whole_where_there_is_room_for_them(width: int):
    lines = waterfall(SPANS, width=width, color=False).splitlines()
    assert [line.partition("◆")[0].rstrip() for line in lines] == [
        "deploy.requested from cli.ann", GATE
    ]  # fmt: skip
    assert {len(line) for line in lines} == {width}


@pytest.mark.parametrize("width", [40, 60, 66])
def test_on_a_narrow_terminal_they_are_cut_and_say_so(width: int):
    lines = waterfall(SPANS, width=width, color=False).splitlines()
    assert lines[1].startswith(f"{GATE[: width - 23]}…")
    assert {len(line) for line in lines} == {width}


def test_short_names_leave_the_room_to_the_bars():
    lines = waterfall(SPANS[:1] * 2, width=80, color=False).splitlines()
    assert lines[0].index("◆") == len("deploy.requested from cli.ann") + 1
