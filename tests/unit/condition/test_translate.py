"""Compiled conditions: which clause they name, what they read, and what they never run."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from lotabots.condition.parse import parse
from lotabots.condition.translate import HOLDS, compile_condition

ABSENT = object()
PAYLOAD = SimpleNamespace(
    f_ref="refs/heads/main",
    f_checked=3,
    f_ratio=Decimal("0.1"),
    f_green=True,
    f_labels=["urgent"],
    f_coverage=SimpleNamespace(f_line=Decimal("0.80"), f_branch=ABSENT),
    f_note=ABSENT,
    f_import="import",
)
EVENT = SimpleNamespace(f_priority="high", f_attempt=1, f_hops=0)


def answer(text: str, payload: Any = PAYLOAD) -> int:  # noqa: ANN401 - any object with members
    return compile_condition(parse(text), absent=ABSENT)(payload, EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "payload.ref == 'refs/heads/main' && payload.checked >= 3",
        "payload.ref.startsWith('refs/') && payload.ref.endsWith('/main')",
        "payload.ref.contains('heads') && !payload.ref.contains('tags')",
        "payload.checked > 2.5 && payload.checked < 3.5 && payload.checked == 3.0",
        "payload.ratio == 0.1 && payload.ratio != 0.10000000000000001",
        "payload.ratio in [1, 0.100] && payload.checked in [1, 3]",
        "payload.coverage.line == 0.8",
        "payload.green && payload.green == true && payload.green != false",
        "'urgent' in payload.labels && !('later' in payload.labels)",
        "has(payload.coverage) && has(payload.coverage.line) && has(payload.ref)",
        "!has(payload.note) && !has(payload.note.deeper) && !has(payload.coverage.branch)",
        "event.priority in ['high', 'medium'] && event.attempt < 2 && event.hops == 0",
        "payload.import == 'import'",
    ],
)
def test_a_true_condition_holds(text: str):
    assert answer(text) == HOLDS


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("false", 0),
        ("payload.ref == 'main' || payload.checked == 4", 0),
        ("payload.green && payload.checked == 4", 1),
        ("payload.green && has(payload.note) && payload.note == 'x'", 1),
        ("payload.green && (payload.checked == 3 && !payload.green)", 2),
        ("!(payload.green && payload.checked == 3)", 0),
    ],
)
def test_a_false_condition_names_its_first_false_clause(text: str, index: int):
    assert answer(text) == index


def test_text_of_a_user_is_only_ever_a_constant():
    hostile = (
        "payload.ref == '\"); __import__(\"os\").abort() #' || payload.ref == 'refs/heads/main'"
    )
    function = compile_condition(parse(hostile), absent=ABSENT)
    assert function(PAYLOAD, EVENT) == HOLDS
    assert function.__code__.co_names == ("f_ref",)
    assert set(function.__globals__) <= {"absent", "__builtins__"}


def test_conditions_that_differ_in_their_constants_share_code_and_nothing_else():
    shapes: dict[Any, Any] = {}
    texts = (
        "payload.ref == 'refs/heads/main' && payload.ratio < 0.2",
        "payload.ref == 'main' && payload.ratio < 0.2",
        "payload.ref == 'refs/heads/main' && payload.ratio < 0.05",
        "payload.ref != 'main' && payload.ratio < 0.2",
    )
    first, second, third, other = (
        compile_condition(parse(text), absent=ABSENT, shapes=shapes) for text in texts
    )
    assert [ask(PAYLOAD, EVENT) for ask in (first, second, third, other)] == [HOLDS, 0, 1, HOLDS]
    assert first.__code__ is second.__code__ is third.__code__
    assert other.__code__ is not first.__code__


def test_the_longest_condition_compiles():
    text = " && ".join(f"payload.checked != {number}" for number in range(4, 68))
    assert answer(text) == HOLDS
    nested = "(" * 32 + "payload.green" + ")" * 32
    assert answer(nested) == HOLDS
