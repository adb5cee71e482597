"""Coverage and mutants say what a suite does not look at."""

from __future__ import annotations

from lotabots.checks import examples
from lotabots.checks.run import run as check
from lotabots.model.event import EnumType, Field, IntegerType, ObjectType
from lotabots.model.load import load
from lotabots.trials.changing import changes
from lotabots.trials.coverage import coverage
from lotabots.trials.mutants import mutants, survives
from lotabots.trials.run import bench, run

TESTBOT = """\
bot: {name: TestBot, version: 1.0.0}
scope: [test]
boundaries: [{deny: deploy, reason: does not deploy}]
triggers:
  - type: event
    pattern: build.completed
    when: payload.outcome == "success" && payload.branch == "main"
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
dependencies: [BuildBot]
"""
FLEET = {**examples.FLEET, "rules/bots/testbot.yaml": TESTBOT}
BUILT = "{event: build.completed, payload: {outcome: %s, branch: %s}, expect: %s}"
GREEN = BUILT % ("success", "main", "{TestBot: dispatch test}")
RED = BUILT % ("failure", "main", "nobody")
TOPIC = BUILT % ("success", "topic", "nobody")
PUSHED = "{event: change.pushed, from: ingress.git, expect: {BuildBot: dispatch build}}"
CLAIM = "{claim: {bot: TestBot, capability: deploy.staging}, expect: reject LR105}"


def suite(*steps: str):
    listed = "".join(f"      - {step}\n" for step in steps)
    text = f"tests:\n  - name: all\n    steps:\n{listed}"
    files = {**FLEET, "rules/tests/all.yaml": text}
    return load({path: content.encode() for path, content in files.items()})


def missed(*steps: str) -> list[str]:
    loaded = suite(*steps)
    on = bench(check(loaded))
    (file,) = loaded.trials
    found = coverage(on, [run(on, file, trial) for trial in file.trials])
    return [f"{point.owner} {point.what}" for point in found.missed]


def unnoticed(*steps: str) -> list[str]:
    loaded = suite(*steps)
    tests = [(file, trial) for file in loaded.trials for trial in file.trials]
    assert not any(run(bench(check(loaded)), *one).differences for one in tests)
    found = [one for one in mutants(loaded.fleet) if survives(one, tests)]
    return [f"{one.owner} {one.what}" for one in found]


def test_what_no_event_asked_is_listed_in_the_order_of_the_files():
    assert missed(PUSHED) == [
        "TestBot denies `deploy`",
        "TestBot does `test` by `build.completed`",
        "TestBot refuses a `build.completed` by its condition",
    ]


def test_both_sides_of_a_condition_count():
    assert missed(PUSHED, GREEN, CLAIM) == ["TestBot refuses a `build.completed` by its condition"]
    assert missed(PUSHED, RED, CLAIM) == ["TestBot does `test` by `build.completed`"]
    assert missed(PUSHED, GREEN, RED, CLAIM) == []


def test_a_refused_event_asks_no_rule():
    step = "{event: build.completed, from: TestBot, expect: reject LR005}"
    assert len(missed(step)) == len(missed("{event: test.completed, expect: ignore LR304}"))


def test_a_clause_that_no_test_needs_survives_its_loss():
    assert unnoticed(PUSHED, GREEN, RED, CLAIM) == ['TestBot without `payload.branch == "main"`']
    assert unnoticed(PUSHED, GREEN, RED, TOPIC, CLAIM) == []


def test_a_boundary_that_nobody_claims_survives_its_loss():
    assert unnoticed(PUSHED, GREEN, RED, TOPIC) == ["TestBot without the boundary `deploy`"]


def test_every_kind_of_rule_has_mutants():
    loaded = suite(PUSHED)
    said = [f"{one.owner} {one.what}" for one in mutants(loaded.fleet)]
    assert said == [
        "BuildBot without the trigger for `change.pushed`",
        "BuildBot without the output to `TestBot`",
        "TestBot without the trigger for `build.completed`",
        'TestBot without `payload.outcome == "success"`',
        'TestBot without `payload.branch == "main"`',
        'TestBot `payload.outcome == "success" && payload.branch == "main"` turned round',
        "TestBot without the boundary `deploy`",
        "BuildBot without the edge to `TestBot` by `build.completed`",
    ]


def test_a_change_of_a_condition_comes_with_an_event_that_would_tell():
    kind = ObjectType(
        fields=(Field("n", IntegerType(minimum=0)), Field("kind", EnumType(("a", "b"))))
    )
    found = {one.what: (one.when, one.telling) for one in changes("payload.n > 3", [kind])}
    assert found == {
        "without `payload.n > 3`": ("", "payload.n 0"),
        "`payload.n > 3` as `payload.n >= 3`": ("payload.n >= 3", "payload.n 3"),
        "`payload.n > 3` turned round": ("!(payload.n > 3)", "payload.n 4"),
    }
    one_of = [one.what for one in changes('payload.kind in ["a", "b"] || payload.n < 2', [kind])]
    assert one_of == [
        'without `payload.kind in ["a", "b"]`',
        '`payload.kind in ["a", "b"]` without `a`',
        '`payload.kind in ["a", "b"]` without `b`',
        '`payload.kind in ["a", "b"] || payload.n < 2` turned round',
    ]


def test_a_change_that_no_event_can_tell_is_none():
    kind = ObjectType(fields=(Field("n", IntegerType(minimum=0)),))
    assert [one.when for one in changes("payload.n == 0", [kind])] == [
        "",
        "payload.n >= 0",
        "!(payload.n == 0)",
    ]
    assert next(changes("payload.n >= 0", [kind])).what == "`payload.n >= 0` as `payload.n > 0`"
