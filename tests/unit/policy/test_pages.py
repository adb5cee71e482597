from __future__ import annotations

import pytest

from lotabots.diagnostics.codes import CODES, page

DECISIONS = [code.code for code in CODES if code.code.startswith(("LR0", "LR1", "LR2", "LR3"))]


@pytest.mark.parametrize("code", DECISIONS)
def test_every_code_of_a_decision_has_a_page_that_says_what_to_do(code: str) -> None:
    text = page(code)
    assert text is not None
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[1:] == ["## Why", "## Example", "## What to do"]
    assert code in text
