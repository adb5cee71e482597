"""The pages of the codes that reading YAML gives are true of the composer alone."""

from __future__ import annotations

import pytest

from lotabots.checks import examples
from lotabots.diagnostics.codes import page
from lotabots.syntax.compose import compose


def found(path: str, text: str) -> list[str]:
    return [
        f"{each.primary.span}: {each.severity}[{each.code}] {each.message}"
        for each in compose(path, text.encode())[1]
    ]


@pytest.mark.parametrize("code", ["LB001", "LB002", "LB003", "LB004"])
def test_the_page_of_a_syntax_code_shows_what_the_composer_says(code: str) -> None:
    example = examples.read(page(code) or "")
    bad = [line for path, text in example.bad.items() for line in found(path, text)]
    assert bad == list(example.expected)
    assert [line for path, text in example.good.items() for line in found(path, text)] == []
