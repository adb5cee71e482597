"""The two forms of the service's own log."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from lotabots.service.logs import Documents, Fields


def record(**fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"msg": "git.unreadable", "levelname": "WARNING", "created": 0.25, **fields}
    )
    made.created = 0.25
    return made


def test_a_record_is_one_line_of_json():
    line = Documents().format(record(repository="a\nb", tries=3))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "warning",
        "event": "git.unreadable",
        "repository": "a\nb",
        "tries": 3,
    }


def test_an_exception_is_a_member_and_not_more_lines():
    try:
        raise ValueError("no")  # noqa: TRY301 - a traceback is what is wanted
    except ValueError:
        made = record(exc_info=sys.exc_info())
    for style in (Documents(), Fields()):
        line = style.format(made)
        assert "\n" not in line
        assert "ValueError: no" in line
    assert json.loads(Documents().format(made))["exception"].startswith("Traceback")


@pytest.mark.parametrize("name", ["time", "level", "event"])
def test_no_field_takes_the_place_of_what_every_line_has(name: str):
    plain = json.loads(Documents().format(record()))
    assert json.loads(Documents().format(record(**{name: "mine"}))) == plain
