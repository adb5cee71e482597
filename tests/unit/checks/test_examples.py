"""Every page of a code is executed: its bad example gives what it says, its good one nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.checks import examples
from lotabots.checks.registry import all_checks, all_pages
from lotabots.checks.run import run
from lotabots.model.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.checks.registry import CodePage

STATIC = [page for page in all_pages() if page.code.startswith("LB")]


@pytest.mark.parametrize("page", STATIC, ids=lambda page: page.code)
def test_the_bad_example_gives_exactly_the_findings_it_lists(page: CodePage):
    example = examples.read(page.markdown)
    found = concise(example.bad)
    assert found == list(example.expected)
    assert any(f"[{page.code}]" in line for line in found)


@pytest.mark.parametrize("page", STATIC, ids=lambda page: page.code)
def test_the_good_example_is_silent(page: CodePage):
    assert concise(examples.read(page.markdown).good) == []


def test_the_fleet_that_all_examples_start_from_is_clean():
    assert concise(examples.FLEET) == []


def test_every_check_has_a_page_with_its_reason():
    for check in all_checks():
        page = next(page for page in STATIC if page.code == check.info.code)
        assert "## Why" in page.markdown
        assert page.title


def concise(files: Mapping[str, str]) -> list[str]:
    checked = run(load({path: text.encode() for path, text in files.items()}))
    return [
        f"{found.primary.span}: {found.severity}[{found.code}] {found.message}"
        for found in checked.diagnostics
    ]
