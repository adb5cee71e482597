"""Cures that fit the case: the safe one first, and nothing that the file cannot hold."""

from __future__ import annotations

import pytest

from lotabots.checks.examples import FLEET, read
from lotabots.checks.registry import lookup
from lotabots.checks.run import run
from lotabots.model.load import load

TESTBOT = """\
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: test.run, unless: approval, reason: a person says when}]
triggers: [{type: schedule, cron: 0 3 * * *}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
"""


@pytest.mark.parametrize(
    ("gates", "cure"),
    [
        (
            True,
            (
                "replace the schedule by a trigger for the event of a gate that joins an approval "
                "(`gate.asked`)"
            ),
        ),
        (
            False,
            (
                "let a gate join an approval, and replace the schedule by a trigger for the event "
                "of such a gate"
            ),
        ),
    ],
)
def test_a_schedule_is_not_told_to_narrow_its_source(*, gates: bool, cure: str):
    page = lookup("LB304")
    assert page is not None
    example = read(page.markdown)
    files = dict(example.good if gates else FLEET) | {"rules/bots/testbot.yaml": TESTBOT}
    assert helps(files, "LB304") == [cure]


def test_the_safe_cure_for_indirect_power_comes_first():
    page = lookup("LB601")
    assert page is not None
    assert helps(dict(read(page.markdown).bad), "LB601") == [
        (
            "take away one of the routes, or narrow what they carry; only if a reviewer accepts "
            "the power, add `test.run` to `may_cause`"
        )
    ]


def helps(files: dict[str, str], code: str) -> list[str]:
    found = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    return [one.help for one in found if one.code == code]
