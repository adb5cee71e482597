"""The report for programs, and the names by which it follows findings."""

from __future__ import annotations

import json

from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity
from lotabots.diagnostics.fingerprint import fingerprints
from lotabots.diagnostics.render_json import render
from lotabots.diagnostics.span import Span
from lotabots.frozen import replace

PLACE = Label(Span("rules/bots/a.yaml", 12, 5, 13, 9), "here")
FOUND = Diagnostic(
    "LB002",
    Severity.ERROR,
    "key `a` is given twice",
    PLACE,
    subject="a",
    related=(Label(Span("rules/bots/a.yaml", 1, 1, 1, 2), "first"),),
    help="keep one",
    notes=("a note",),
    example='{"type": "a"}',
)


def test_a_finding_is_written_with_all_its_parts() -> None:
    document = json.loads(render([FOUND]))
    (finding,) = document["findings"]
    fingerprint = finding.pop("fingerprint")
    assert len(fingerprint) == 64
    assert document == {
        "version": 1,
        "findings": [
            {
                "code": "LB002",
                "name": "duplicate-key",
                "severity": "error",
                "message": "key `a` is given twice",
                "subject": "a",
                "help": "keep one",
                "notes": ["a note"],
                "example": '{"type": "a"}',
                "location": {
                    "path": "rules/bots/a.yaml",
                    "line": 12,
                    "column": 5,
                    "end_line": 13,
                    "end_column": 9,
                },
                "label": "here",
                "related": [
                    {
                        "path": "rules/bots/a.yaml",
                        "line": 1,
                        "column": 1,
                        "end_line": 1,
                        "end_column": 2,
                        "text": "first",
                    }
                ],
            }
        ],
        "summary": {"errors": 1, "warnings": 0, "notes": 0, "files": 1},
    }


def test_no_finding_is_still_a_document() -> None:
    assert json.loads(render([])) == {
        "version": 1,
        "findings": [],
        "summary": {"errors": 0, "warnings": 0, "notes": 0, "files": 0},
    }


def test_names_of_checks_are_taken_from_the_caller() -> None:
    check = replace(FOUND, code="LB101")
    assert "name" not in json.loads(render([check]))["findings"][0]
    named = render([check], names={"LB101": "unknown-event"})
    assert json.loads(named)["findings"][0]["name"] == "unknown-event"


def test_any_text_is_written_in_ascii() -> None:
    hostile = replace(FOUND, message="\x1b\x7f\u202e\ud800\n", subject="\ud800")
    written = render([hostile])
    assert written.isascii()
    assert "\x1b" not in written
    assert "\x7f" not in written
    assert json.loads(written)["findings"][0]["message"] == hostile.message


def test_a_fingerprint_survives_a_move_and_tells_findings_apart() -> None:
    moved = replace(FOUND, primary=Label(PLACE.span._replace(line=50)), message="other words")
    elsewhere = replace(FOUND, primary=Label(PLACE.span._replace(path="rules/bots/b.yaml")))
    about_b = replace(FOUND, subject="b")
    assert fingerprints([FOUND]) == fingerprints([moved])
    assert len(set(fingerprints([FOUND, moved, elsewhere, about_b]))) == 4


def test_a_finding_without_a_subject_is_named_by_its_message() -> None:
    first = replace(FOUND, subject="")
    second = replace(first, message="another")
    assert fingerprints([first]) != fingerprints([second])
