"""A near miss is told of the rule that came furthest, whatever the rules and the event."""

from __future__ import annotations

from fractions import Fraction
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from deciding import FILES, policy_of, verdicts_of
from lotabots.policy.decision import Dispatch, Ignore

LETTERS = "abcd"
RULES = st.lists(st.text(LETTERS, min_size=1, max_size=5), min_size=1, max_size=5)
"""Rules for one event type: a clause per letter, true if the repository's name contains it."""
NAMES = st.text(LETTERS + "x", min_size=1, max_size=4)

GATE = """\
gates:
  - join_on: [payload.change.id]
    name: many
    within: 30m
    then: {emit: deploy.requested, set: {repository: r, environment: production}}
    any:
"""
BOT = """\
bot: {name: ManyBot, version: 1.0.0, category: development, phase: core, responsibility: much}
scope: [test.run]
actions: [{name: test, capability: test.run, command: test}]
triggers:
"""
PLACES = {
    "gate.many": ("rules/gates.yaml", GATE, "      - {pattern: change.pushed"),
    "ManyBot": ("rules/bots/manybot.yaml", BOT, "  - {type: event, pattern: change.pushed"),
}


def written(rules: list[str]) -> dict[str, str | None]:
    """The rules as parts of a gate, and as triggers of a bot: one a line."""
    files: dict[str, str | None] = dict(FILES)
    for path, head, start in PLACES.values():
        files[path] = head + "".join(f"{start}, when: '{condition(rule)}'}}\n" for rule in rules)
    return files


def condition(letters: str) -> str:
    return " && ".join(f'payload.repository.contains("{letter}")' for letter in letters)


def true_clauses(rule: str, name: str) -> int:
    return len(list(takewhile(lambda letter: letter in name, rule)))


@given(rules=RULES, name=NAMES, target=st.sampled_from(sorted(PLACES)))
def test_what_is_told_of_is_the_rule_that_came_furthest(
    rules: list[str], name: str, target: str
) -> None:
    payload = {"repository": name, "change": {"id": "c1"}}
    files = written(rules)
    verdict = verdicts_of(policy_of(files), "change.pushed", "cli.ann", payload=payload)[target]
    again = verdicts_of(policy_of(files), "change.pushed", "cli.ann", payload=payload)[target]
    assert verdict == again
    shares = [Fraction(true_clauses(rule, name), len(rule)) for rule in rules]
    furthest = shares.index(max(shares))
    if shares[furthest] == 1:
        assert isinstance(verdict, Dispatch)
        return
    assert isinstance(verdict, Ignore)
    path, head, _ = PLACES[target]
    assert (verdict.code, verdict.rule.span.path) == ("LR301", path)
    assert verdict.rule.span.line == head.count("\n") + 1 + furthest
    assert verdict.clause == true_clauses(rules[furthest], name)
