"""Schedules that cannot work are found; all others are let pass."""

from __future__ import annotations

import pytest

from lotabots.checks.examples import FLEET
from lotabots.checks.run import run
from lotabots.model.load import load

CURE = (
    "choose a day that one of its months has; "
    "the third field is the day of the month, the fourth is the month"
)


@pytest.mark.parametrize(
    ("zone", "cure"),
    [
        ("Mars/X", "write a name of the IANA database, like `Europe/Berlin`"),
        ("Europe/Berlim", "did you mean `Europe/Berlin`?"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
    ],
)
def test_a_zone_that_does_not_exist_is_an_error_with_its_cure(zone: str, cure: str):
    expected = [("LB502", f"unknown time zone `{zone}`", cure)]
    assert found(f"cron: 0 3 * * *, timezone: {zone}") == expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+3"])
def test_a_zone_of_the_database_is_let_pass(zone: str):
    assert found(f"cron: 0 3 * * *, timezone: {zone}") == []


@pytest.mark.parametrize("dates", ["31 2", "30 2", "31 4,6,9,11", "30-31 2", "31 4/5", "30/1 2-2"])
def test_a_date_that_no_year_has_is_an_error(dates: str):
    assert found(f"cron: '0 0 {dates} *'") == [
        (
            "LB503",
            f"the date of the schedule `0 0 {dates} *` never comes",
            CURE,
        )
    ]


@pytest.mark.parametrize(
    "fields",
    ["29 2 *", "31 * *", "31 2 1", "31 */2 *", "31 4/2,5 *", "*/31 2 *", "* 2 *", "31 2-3 *"],
)
def test_a_date_that_some_year_has_is_let_pass(fields: str):
    assert found(f"cron: '0 0 {fields}'") == []


def found(schedule: str) -> list[tuple[str, str, str]]:
    bot = FLEET["rules/bots/buildbot.yaml"].replace(
        "triggers: [", f"triggers: [{{type: schedule, {schedule}}}, "
    )
    files = dict(FLEET) | {"rules/bots/buildbot.yaml": bot}
    diagnostics = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    return [(one.code, one.message, one.help) for one in diagnostics]
