"""Running all checks: one finding for one mistake."""

from __future__ import annotations

from lotabots.checks.examples import FLEET
from lotabots.checks.run import run
from lotabots.model.load import load


def test_a_file_with_errors_of_form_has_no_other_findings():
    bot = FLEET["rules/bots/testbot.yaml"].replace("scope: [test]", "scop: [test]")
    assert codes(rules_bots_testbot=bot) == ["LB005"]


def test_what_a_missing_file_would_have_said_is_not_missed_again():
    files = {path: text for path, text in FLEET.items() if path != "rules/events.yaml"}
    found = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    assert [one.code for one in found] == ["LB010"]


def test_a_finding_says_all_that_is_needed_to_cure_it():
    bot = FLEET["rules/bots/testbot.yaml"].replace(
        "from: BuildBot}", "from: BuildBot, when: 'payload.brunch == \"main\"'}"
    )
    files = dict(FLEET) | {"rules/bots/testbot.yaml": bot}
    (found,) = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    underlined = bot.splitlines()[found.primary.span.line - 1]
    span = found.primary.span
    assert underlined[span.column - 1 : span.end_column - 1] == "payload.brunch"
    assert (found.code, found.message) == ("LB202", "unknown field `payload.brunch`")
    assert found.help == "did you mean `payload.branch`?"
    assert found.subject == "TestBot"


def test_an_unknown_name_is_one_finding_with_all_its_places():
    events = FLEET["rules/events.yaml"].replace("build.completed:", "build.done:")
    files = dict(FLEET) | {"rules/events.yaml": events}
    found = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    (unknown,) = [one for one in found if one.code == "LB101"]
    assert unknown.message == "unknown event `build.completed`"
    assert len(unknown.related) == 3


def codes(*, rules_bots_testbot: str) -> list[str]:
    files = dict(FLEET) | {"rules/bots/testbot.yaml": rules_bots_testbot}
    found = run(load({path: text.encode() for path, text in files.items()})).diagnostics
    return [one.code for one in found]
