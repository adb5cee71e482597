"""Whole reports of small files, as a person sees them.

Each folder is a case: `input.yaml`, and `full.txt` and `concise.txt` as they must be rendered.
``LOTABOTS_UPDATE_GOLDEN=1 pytest tests/golden/diagnostics`` writes them anew, for review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lotabots.diagnostics import render_concise, render_text
from lotabots.diagnostics.diagnostic import in_order
from lotabots.syntax.compose import compose

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input.yaml"))
UPDATE = os.environ.get("LOTABOTS_UPDATE_GOLDEN") == "1"
PATH = "rules/bots/input.yaml"
WIDTH = 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_report_of_a_file_is_the_golden_one(case: Path) -> None:
    data = (case / "input.yaml").read_bytes()
    found = in_order(compose(PATH, data)[1])
    reports = {
        "full.txt": render_text.render(found, {PATH: data}, color=False, width=WIDTH),
        "concise.txt": render_concise.render(found),
    }
    if UPDATE:
        for name, report in reports.items():
            (case / name).write_text(report, encoding="utf-8")
    golden = {name: (case / name).read_text(encoding="utf-8") for name in reports}
    assert reports == golden


def test_there_are_cases() -> None:
    assert CASES
