"""The manual for people who write rules says what the parser does."""

import re
from pathlib import Path

import pytest

from lotabots.condition.parse import parse

MANUAL = Path(__file__).parents[3] / "docs" / "conditions.md"


def conditions(heading: str, *, column: int) -> list[str]:
    """The code in one column of the tables under a heading, whole comparisons only."""
    section = MANUAL.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line) for line in section.splitlines() if line[:1] == "|"]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row[column])]
    return [span.replace(r"\|", "|") for span in spans if re.search(r"\w\.\w|size|\?", span)]


@pytest.mark.parametrize("text", conditions("What it can say", column=1))
def test_what_the_manual_offers_is_read(text: str):
    assert not isinstance(parse(text), tuple)


@pytest.mark.parametrize(
    "text", conditions("What is not there, and what to write instead", column=1)
)
def test_what_the_manual_rules_out_is_refused(text: str):
    assert isinstance(parse(text), tuple)


@pytest.mark.parametrize(
    "text", conditions("What is not there, and what to write instead", column=2)
)
def test_what_the_manual_writes_instead_is_read(text: str):
    assert not isinstance(parse(text), tuple)


def test_the_manual_has_examples():
    assert len(conditions("What it can say", column=1)) > 5
