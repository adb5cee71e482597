"""One finding a line."""

from __future__ import annotations

from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity
from lotabots.diagnostics.render_concise import render
from lotabots.diagnostics.span import Span

PLACE = Label(Span("rules/bots/a.yaml", 12, 5, 12, 9), "label")


def test_each_finding_is_one_line_with_its_cure() -> None:
    found = [
        Diagnostic("LB101", Severity.ERROR, "event `a` is unknown", PLACE, help="declare it"),
        Diagnostic("LB201", Severity.WARNING, "nothing listens", PLACE),
    ]
    assert render(found) == (
        "rules/bots/a.yaml:12:5: error[LB101] event `a` is unknown (help: declare it)\n"
        "rules/bots/a.yaml:12:5: warning[LB201] nothing listens\n"
    )


def test_text_of_a_rule_file_cannot_start_a_line_of_its_own() -> None:
    found = Diagnostic("LB101", Severity.ERROR, "`a\nb\r\x1b[0m\u2028`", PLACE, help="c\nd")
    assert render([found]) == (
        r"rules/bots/a.yaml:12:5: error[LB101] `a\nb\r\x1b[0m\u2028` (help: c\nd)" + "\n"
    )
