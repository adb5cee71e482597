"""Policy tests are judged by the code that decides: what passes, what fails, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deciding import FILES
from lotabots.checks.run import run as check
from lotabots.model.load import load
from lotabots.trials.run import Bench, Ran, bench, run

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic

PATH = "rules/tests/some.yaml"
BUILT = (
    "{event: build.completed, payload: {outcome: success, ratio: 0.9, branch: main}, expect: %s}"
)


def ran(steps: list[str], head: str = "", events: str = "") -> Ran:
    listed = "".join(f"      - {step}\n" for step in steps)
    text = f"{events}tests:\n  - name: some\n{head}    steps:\n{listed}"
    files = {**FILES, PATH: text}
    loaded = load({path: content.encode() for path, content in files.items()})
    checked = check(loaded)
    assert [d for d in checked.diagnostics if d.primary.span.path == PATH] == []
    return run(_bench(), loaded.trials[0], loaded.trials[0].trials[0])


def _bench() -> Bench:
    files = {path: text.encode() for path, text in FILES.items()}
    return bench(check(load(files), checks=()))


def messages(found: Ran) -> list[str]:
    return [each.message for each in found.differences]


def the(found: Ran) -> Diagnostic:
    (difference,) = found.differences
    return difference


def test_what_is_decided_as_expected_is_no_difference():
    expect = "{TestBot: dispatch test, LintBot: reject not-rolled-out}"
    assert ran([BUILT % expect]).differences == ()


def test_a_wrong_verdict_is_told_with_the_rule_and_the_values_that_decided():
    payload = "{outcome: success, ratio: 0.5}"
    difference = the(
        ran([f"{{event: build.completed, payload: {payload}, expect: {{TestBot: dispatch test}}}}"])
    )
    assert difference.message == "`TestBot`: expected `dispatch test`, got `ignore LR301`"
    assert difference.primary.span.path == PATH
    assert difference.primary.text == "`payload.ratio >= 0.8` is false"
    assert [label.span.path for label in difference.related] == ["rules/bots/testbot.yaml"]
    assert difference.notes == (
        "payload.ratio is 0.5",
        "step 1: build.completed from BuildBot",
    )


def test_whatever_a_test_does_not_name_must_not_happen():
    difference = the(ran([BUILT % "{LintBot: reject LR202}"]))
    assert difference.message == "`TestBot`: expected nothing, got `dispatch test`"
    assert difference.help == "if it is right, expect it: `TestBot: dispatch test`"
    assert messages(ran([BUILT % "nobody"])) == [
        "`LintBot`: expected nothing, got `reject LR202`",
        "`TestBot`: expected nothing, got `dispatch test`",
    ]


def test_a_partial_step_checks_only_what_it_names():
    step = (BUILT % "{TestBot: dispatch test}").replace("expect", "partial: true, expect")
    assert ran([step]).differences == ()


def test_somebody_who_was_not_asked_is_a_difference_even_in_a_partial_step():
    step = "{event: test.completed, partial: true, expect: {ChatBot: ignore LR301}}"
    difference = the(ran([step]))
    assert difference.message == (
        "`ChatBot`: expected `ignore LR301`, but nothing was decided about it"
    )


def test_an_event_that_is_refused_as_a_whole_fails_whatever_is_expected_of_bots():
    for expect in ("nobody", "{TestBot: ignore LR301}", "{TestBot: dispatch test}"):
        found = messages(ran([f"{{event: build.completed, from: TestBot, expect: {expect}}}"]))
        assert found == ["the event as a whole got `reject LR005`"]
    refused = "{event: build.completed, from: TestBot, expect: {reject: LR005, because: TestBot}}"
    assert ran([refused]).differences == ()


def test_anything_accepts_all_but_a_refused_event():
    then = BUILT % "{TestBot: dispatch test, LintBot: reject LR202}"
    assert ran([BUILT % "anything", then]).differences == ()
    refused = "{event: build.completed, from: TestBot, expect: anything}"
    assert messages(ran([refused, then])) == ["the event as a whole got `reject LR005`"]


def test_the_event_of_a_gate_is_decided_with_what_follows_from_it():
    tested = (
        "{event: test.completed, payload: {outcome: success}, expect: {gate.release: wait LR305}}"
    )
    approved = "{event: approval.granted, from: cli.ann, expect: {gate.release: %s}}"
    members, then = "{environment: production}", "{DeployBot: dispatch produce}"
    whole = f"{{emit: deploy.requested, payload: {members}, then: {then}}}"
    assert ran([tested, approved % whole]).differences == ()
    silent = ran([tested, approved % "emit deploy.requested"])
    assert messages(silent) == ["`DeployBot`: expected nothing, got `dispatch produce`"]
    assert the(silent).notes[-1] == (
        "step 2: approval.granted from cli.ann, then deploy.requested from gate.release"
    )
    other = whole.replace("production", "staging")
    assert messages(ran([tested, approved % other])) == [
        '`gate.release`: expected payload.environment `"staging"`, got `"production"`'
    ]


def test_a_gate_without_approval_opens_no_boundary():
    then = "{DeployBot: {reject: approval-missing, because: a person must agree}}"
    step = (
        "{event: test.completed, payload: {outcome: failure}, "
        f"expect: {{gate.unapproved: {{emit: deploy.requested, then: {then}}}}}}}"
    )
    assert ran([step]).differences == ()


def test_time_passes_between_steps_and_gates_notice():
    tested = (
        "{event: test.completed, payload: {outcome: success}, expect: {gate.release: wait LR305}}"
    )
    late = "{event: approval.granted, from: cli.ann, after: 31m, expect: {gate.release: %s}}"
    assert ran([tested, late % "{wait: LR305, missing: [test.completed]}"]).differences == ()
    assert messages(ran([tested, late % "{wait: LR305, missing: [approval.granted]}"])) == [
        "`gate.release`: expected missing `approval.granted`, got `test.completed`"
    ]


def test_an_id_that_comes_again_is_a_duplicate_of_its_sender():
    pushed = "{event: change.pushed, from: cli.%s, id: same, expect: %s}"
    first, other = (pushed % (name, "{BuildBot: dispatch build}") for name in ("ann", "bob"))
    assert ran([first, other, pushed % ("ann", "reject LR010")]).differences == ()


@pytest.mark.parametrize(
    ("state", "expect"),
    [
        ("{disabled: [TestBot]}", "reject bot-disabled"),
        ("{open_breakers: [TestBot]}", "wait breaker-open"),
        ("{queued: {TestBot: 10}}", "reject over-quota"),
    ],
)
def test_a_test_begins_in_the_state_that_it_says(state: str, expect: str):
    step = (BUILT % f"{{TestBot: {expect}}}").replace("expect", "partial: true, expect")
    assert ran([step], head=f"    state: {state}\n").differences == ()


def test_the_rollout_that_a_test_says_lets_later_phases_start():
    step = BUILT % "{TestBot: dispatch test, LintBot: dispatch format}"
    assert ran([step], head="    state: {rollout: late}\n").differences == ()


def test_a_claim_asks_the_boundaries_whatever_the_scope_is():
    claim = "{claim: {bot: TestBot, capability: %s}, expect: %s}"
    denied = claim % ("code.modify.formatting", "{reject: LR105, delegate: LintBot}")
    assert ran([denied, claim % ("deploy.production", "allow")]).differences == ()
    assert messages(ran([claim % ("code.modify", "allow")])) == [
        "`TestBot`: expected `allow`, got `reject LR105`"
    ]
    approved = "{claim: {bot: DeployBot, capability: deploy.production, approved: %s}, expect: %s}"
    steps = [approved % ("true", "allow"), approved % ("false", "reject LR106")]
    assert ran(steps).differences == ()


def test_a_step_counts_before_its_template_and_members_are_merged():
    events = "events:\n  good: {type: build.completed, payload: {outcome: success, ratio: 0.9}}\n"
    step = (
        "{event: good, payload: {ratio: 0.1}, expect: {TestBot: {ignore: LR301, because: ratio}}}"
    )
    assert ran([step], events=events).differences == ()


def test_a_test_of_a_broken_bot_sees_it_refused():
    files = {**FILES, "rules/bots/testbot.yaml": FILES["rules/bots/testbot.yaml"] + "nonsense: 1\n"}
    files[PATH] = (
        "tests:\n  - name: some\n    steps:\n      - " + BUILT % "{TestBot: dispatch test}" + "\n"
    )
    loaded = load({path: text.encode() for path, text in files.items()})
    found = run(bench(check(loaded)), loaded.trials[0], loaded.trials[0].trials[0])
    assert "`TestBot`: expected `dispatch test`, got `reject LR012`" in messages(found)
