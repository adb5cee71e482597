"""Files of policy tests: read as strictly as rule files, and no part of the fleet."""

from __future__ import annotations

import pytest

from lotabots.checks import examples
from lotabots.model.encode import digest
from lotabots.model.load import Loaded, load
from lotabots.model.trial import ClaimStep, ElapseStep, EventStep, Scope, Verb

PATH = "rules/tests/some.yaml"


def loaded(text: str) -> Loaded:
    files = {**examples.FLEET, PATH: text}
    return load({path: content.encode() for path, content in files.items()})


def step(text: str) -> str:
    return f"tests:\n  - name: some\n    steps:\n      - {text}\n"


def test_a_file_of_tests_is_read_and_changes_nothing_about_the_fleet():
    text = """\
events:
  built: {type: build.completed, from: BuildBot, payload: {outcome: success}}
tests:
  - name: a test
    doc: why
    now: 2026-02-28T12:00:00Z
    state: {disabled: [TestBot], queued: {BuildBot: 3}}
    steps:
      - {event: built, after: 5m, expect: nobody}
      - {elapse: 1h, expect: {gate.release: {emit: build.completed, then: anything}}}
      - {claim: {bot: TestBot, capability: deploy}, expect: reject LR105}
"""
    found = loaded(text)
    assert found.diagnostics == ()
    (file,) = found.trials
    assert file.templates["built"].type == "build.completed"
    (trial,) = file.trials
    assert (trial.name, trial.doc, trial.now) == ("a test", "why", "2026-02-28T12:00:00Z")
    assert (trial.state.disabled, dict(trial.state.queued)) == (("TestBot",), {"BuildBot": 3})
    event, silence, claim = trial.steps
    assert isinstance(event, EventStep)
    assert (event.after, event.expect.scope) == (300, Scope.NOBODY)
    assert isinstance(silence, ElapseStep)
    gate = silence.expect.outcomes["gate.release"]
    assert gate.then is not None
    assert (gate.verb, gate.word, gate.then.scope) == (Verb.EMIT, "build.completed", Scope.ANYTHING)
    assert isinstance(claim, ClaimStep)
    assert (claim.capability, claim.expect.word) == ("deploy", "LR105")
    assert digest(found.fleet) == digest(
        load({p: t.encode() for p, t in examples.FLEET.items()}).fleet
    )


def test_a_verdict_is_written_by_its_code_or_by_its_name():
    found = loaded(step("{event: build.completed, expect: {TestBot: reject inside-boundary}}"))
    (short,) = found.trials[0].trials[0].steps
    assert short.expect.outcomes["TestBot"].word == "LR105"  # type: ignore[union-attr]
    assert found.diagnostics == ()


FAULTS = [
    ("{event: a.b}", "LB006", "4:9", "missing key `expect` in an event step"),
    ("{expect: nobody}", "LB006", "4:9", "missing key `event`, `elapse` or `claim` in a step"),
    (
        "{event: a.b, expekt: nobody, expect: nobody}",
        "LB005",
        "4:22",
        "unknown key `expekt` in an event step",
    ),
    (
        "{event: a.b, expect: nobdy}",
        "LB007",
        "4:30",
        "expected a verdict, found `nobdy`",
    ),
    (
        "{event: a.b, expect: {TestBot: dispach test}}",
        "LB007",
        "4:40",
        "expected a verdict, found `dispach test`",
    ),
    (
        "{event: a.b, expect: {TestBot: dispatch}}",
        "LB007",
        "4:40",
        "`dispatch` says only half of it",
    ),
    (
        "{event: a.b, expect: {TestBot: reject LR999}}",
        "LB007",
        "4:40",
        "expected the code of a verdict `reject`, found `LR999`",
    ),
    (
        "{event: a.b, expect: {TestBot: wait LR105}}",
        "LB007",
        "4:40",
        "expected the code of a verdict `wait`, found `LR105`",
    ),
    (
        "{event: a.b, expect: {TestBot: emit a.b}}",
        "LB007",
        "4:40",
        "a bot does not `emit`",
    ),
    (
        "{event: a.b, expect: {gate.g: dispatch test}}",
        "LB007",
        "4:39",
        "a gate does not `dispatch`",
    ),
    (
        "{event: a.b, expect: dispatch test}",
        "LB007",
        "4:30",
        "`dispatch` of nobody: only `reject` and `ignore` are about a whole event",
    ),
    (
        "{event: a.b, expect: {}}",
        "LB007",
        "4:30",
        "expected what is decided, found an empty mapping",
    ),
    (
        "{event: a.b, payload: {x: null}, expect: nobody}",
        "LB007",
        "4:35",
        "expected a value, found nothing",
    ),
    (
        "{event: a.b, expect: anything}",
        "LB007",
        "4:7",
        "a test that expects `anything` of every step cannot fail",
    ),
    (
        "{claim: {bot: TestBot, capability: deploy}, expect: dispatch test}",
        "LB007",
        "4:61",
        "a claim is allowed or rejected",
    ),
]


@pytest.mark.parametrize(("text", "code", "place", "message"), FAULTS)
def test_a_mistake_in_a_test_is_found_where_it_stands(
    text: str, code: str, place: str, message: str
):
    found = [
        (each.code, f"{each.primary.span.line}:{each.primary.span.column}", each.message)
        for each in loaded(step(text)).diagnostics
    ]
    assert found == [(code, place, message)]


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("{event: a.b, expect: {TestBot: dispach test}}", "did you mean `dispatch`?"),
        ("{event: a.b, expect: nobdy}", "did you mean `nobody`?"),
        (
            "{event: a.b, expect: {TestBot: reject inside-boundry}}",
            "did you mean `inside-boundary`?",
        ),
        ("{event: a.b, expect: {TestBot: dispatch}}", "add the action that it does"),
        ("{event: a.b, expect: {TestBot: emit a.b}}", "write `dispatch <action>`"),
    ],
)
def test_a_mistake_comes_with_its_cure(text: str, cure: str):
    (found,) = loaded(step(text)).diagnostics
    assert found.help == cure


def test_two_tests_of_one_file_do_not_share_a_name():
    one = "  - {name: same, steps: [{event: a.b, expect: nobody}]}\n"
    (found,) = loaded(f"tests:\n{one}{one}").diagnostics
    assert (found.code, found.message) == ("LB009", "`same` is declared twice")


def test_an_empty_file_of_tests_is_a_finding():
    (found,) = loaded("").diagnostics
    assert (found.code, found.message) == ("LB007", "expected a test file, found an empty file")


def test_a_file_in_a_folder_of_tests_that_nothing_reads_is_a_finding():
    files = {**examples.FLEET, "rules/tests/deep/some.yaml": "tests: []"}
    found = load({path: text.encode() for path, text in files.items()})
    assert [each.code for each in found.diagnostics] == ["LB008"]
