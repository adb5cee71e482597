"""What is said about the form of rule files: every finding whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lotabots.model.load import Loaded, load

ROOT = Path(__file__).parents[3]
BOT = "rules/bots/b.yaml"
FRAME = {
    "rules/fleet.yaml": b"fleet: {name: f}",
    "rules/capabilities.yaml": b"capabilities: {}",
    "rules/events.yaml": b"events: {}",
    BOT: b"bot: {name: B}",
}
# The example of the specification, section Configuration Management, to the letter.
SEED = b"""\
bot:
  name: "BotName"
  version: "1.0.0"
  enabled: true
\x20\x20
triggers:
  - type: "event"
    pattern: "build.completed"
\x20\x20
actions:
  - type: "execute"
    command: "run-tests"
\x20\x20\x20\x20
constraints:
  max_concurrent_jobs: 5
  timeout: 3600
  retry_policy:
    max_attempts: 3
    backoff: "exponential"
\x20\x20\x20\x20
dependencies:
  - "BuildBot"
\x20\x20
outputs:
  - type: "message"
    destination: "NotificationBot"
"""


def loaded(path: str, text: str) -> Loaded:
    return load({**FRAME, path: text.encode()})


def said(path: str, text: str) -> list[str]:
    return [
        f"{re.sub('^.*yaml:', '', str(d.primary.span))} {d.code} {d.message} | {d.help}"
        for d in loaded(path, text).diagnostics
    ]


def bot(text: str) -> str:
    return f"bot: {{name: B}}\n{text}"


def test_a_frame_without_faults_has_no_findings():
    assert load(FRAME).diagnostics == ()
    assert load(FRAME).fleet.broken == frozenset()


def test_the_example_of_the_specification_loads_as_it_stands():
    result = load({**FRAME, "rules/bots/botname.yaml": SEED})
    assert result.diagnostics == ()
    found = result.fleet.bot("BotName")
    assert found is not None
    assert found.version == "1.0.0"
    assert found.actions[0].name == "run-tests"
    assert found.constraints.retry_policy.max_attempts == 3
    assert found.outputs[0].destination == "NotificationBot"
    assert str(found.at("constraints", "retry_policy", "max_attempts")) == (
        "rules/bots/botname.yaml:18:19"
    )


def test_the_example_alone_lacks_only_the_rest_of_the_workspace():
    result = load({"rules/bots/botname.yaml": SEED})
    assert [(d.code, d.message, d.help) for d in result.diagnostics] == [
        (
            "LB010",
            "there is no `rules/capabilities.yaml`",
            "add it: it declares every capability, without which no action is in scope",
        ),
        (
            "LB010",
            "there is no `rules/events.yaml`",
            "add it: it declares every event type, without which no event is accepted",
        ),
        (
            "LB010",
            "there is no `rules/fleet.yaml`",
            "add it: it declares name, limits, categories and phases of the fleet",
        ),
    ]
    assert [each.name for each in result.fleet.bots] == ["BotName"]


def test_the_rules_of_this_repository_have_no_faults_of_form():
    paths = [*ROOT.glob("rules/*.yaml"), *ROOT.glob("rules/bots/*"), *ROOT.glob("graphs/*.yaml")]
    result = load({path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths})
    assert result.diagnostics == ()
    assert len(result.fleet.bots) == 15


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "trigers: []",
            "2:1 LB005 unknown key `trigers` in a bot file | did you mean `triggers`?",
        ),
        ("xyzzy: 1", "2:1 LB005 unknown key `xyzzy` in a bot file | remove it"),
        (
            "boundaries: [{reason: why}]",
            (
                "2:14 LB006 missing key `deny` in a boundary | "
                "add `deny`: the capability, with all below it"
            ),
        ),
        (
            "triggers: [{pattern: a.b}]",
            "2:12 LB006 missing key `type` in a trigger | add `type: event` or `type: schedule`",
        ),
        (
            "triggers:",
            (
                "2:10 LB007 expected a list, found nothing | "
                "write a list (`[]` if it is empty), or remove the key"
            ),
        ),
        (
            "scope: code.modify",
            (
                "2:8 LB007 expected a list, found `code.modify` | "
                "write a list (`[]` if it is empty), or remove the key"
            ),
        ),
        (
            "scope: {a: b}",
            "2:8 LB007 expected a list, found a mapping | start each item with `- `",
        ),
        (
            "constraints: {timeout: soon}",
            (
                "2:24 LB007 expected a duration, found `soon` | "
                "write seconds (`900`) or a number with a unit (`500ms`, `2s`, `15m`, `24h`, `7d`)"
            ),
        ),
        (
            "constraints: {timeout: 0}",
            (
                "2:24 LB007 expected a duration from 1 to 31622400 seconds, found `0` | "
                "write a duration within these bounds"
            ),
        ),
        (
            "constraints: {max_concurrent_jobs: 0}",
            (
                "2:36 LB007 expected a whole number from 1 to 10000, found `0` | "
                "write a whole number from 1 to 10000"
            ),
        ),
        (
            'constraints: {max_concurrent_jobs: "5"}',
            (
                "2:36 LB007 expected a whole number, found the text `5` | "
                "write a whole number from 1 to 10000"
            ),
        ),
        (
            "constraints: {retry_policy: {backoff: exponental}}",
            (
                "2:39 LB007 expected `exponential`, `linear` or `constant`, found `exponental` | "
                "did you mean `exponential`?"
            ),
        ),
        (
            "actions: [{command: run, grants: {memory: 1 GB}}]",
            (
                "2:43 LB007 expected a size, found `1 GB` | "
                "write bytes (`1048576`) or a number with a unit (`64KiB`, `1MiB`, `1GiB`)"
            ),
        ),
        (
            "actions: [{command: run tests}]",
            (
                "2:21 LB007 expected an entry point or a list, found `run tests` | "
                "name an entry point, or write a list: `[program, argument, ...]`"
            ),
        ),
        (
            "actions: [{command: [./run.sh]}]",
            (
                "2:11 LB006 missing key `name` in an action whose command gives none | "
                "add `name`: letters, digits, `-` and `_`"
            ),
        ),
        (
            "actions: [{command: run, emits: [{type: a.b, set: {x: $}}]}]",
            (
                "2:55 LB007 expected a field or a counter after `$`, found `$` | copy a field "
                "(`$change.id`), count (`$attempt + 1`), or write `$$` for a dollar sign"
            ),
        ),
        (
            "actions: [{command: run, emits: [{type: a.b, set: {x: 1.5}}]}]",
            (
                "2:55 LB007 expected a text, a whole number, `true` or `false`, found `1.5` | "
                "quote it if it is meant as text; fractions cannot be set"
            ),
        ),
        (
            "triggers: [{type: schedule, cron: 0 25 * * *}]",
            (
                "2:35 LB007 expected the hour from 0 to 23, found `0 25 * * *` | "
                "use numbers, `*`, ranges `1-5`, steps `*/5` and lists `1,3`"
            ),
        ),
        (
            "triggers: [{type: schedule, cron: '@daily'}]",
            (
                "2:35 LB007 expected five cron fields, found the text `@daily` | write five fields "
                "like `0 3 * * *`: minute, hour, day of month, month, day of week"
            ),
        ),
        (
            "triggers: [{type: event, pattern: Build.*}]",
            (
                "2:35 LB007 expected an event pattern, found `Build.*` | write lower-case words "
                "joined by dots; `*` stands for one word, a last `**` for the rest"
            ),
        ),
        (
            'boundaries: [{deny: a, reason: ""}]',
            "2:32 LB007 expected text, found an empty text | write text, or remove the key",
        ),
        (
            'boundaries: [{deny: a, reason: "a\\x07b"}]',
            (
                "2:32 LB007 expected text without control characters, found the text `a\\x07b` | "
                "remove them"
            ),
        ),
        (
            "dependencies: [A, A]",
            "2:19 LB009 `A` is declared twice | remove one of them",
        ),
        (
            "actions: [{command: run}, {name: run, command: other}]",
            "2:27 LB009 `run` is declared twice | rename or remove one of them",
        ),
    ],
)
def test_a_fault_in_a_bot_file_is_said_with_its_place_and_cure(text: str, finding: str):
    assert said(BOT, bot(text)) == [finding]


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("yes", "write `true`"),
        ("on", "write `true`"),
        ("True", "write `true`"),
        ("off", "write `false`"),
        ("No", "write `false`"),
        ('"true"', "write `true` without quotes"),
        ("maybe", "write `true` or `false`"),
        ("null", "write `true` or `false`"),
    ],
)
def test_only_true_and_false_are_truth_values(word: str, cure: str):
    finding = loaded(BOT, f"bot: {{name: B, enabled: {word}}}").diagnostics[0]
    assert (finding.code, finding.help) == ("LB007", cure)


def test_an_unknown_key_comes_with_the_keys_that_are_allowed():
    finding = loaded(BOT, bot("outputs: [{dest: B, destination: B}]")).diagnostics[0]
    assert finding.notes == ("keys allowed here: `type`, `event`, `destination`",)
    assert finding.subject == "rules/bots/b.yaml: outputs.0.dest"


def test_several_faults_are_all_said():
    text = bot("scope: [1.0.0-, a, A]\nnope: 1\nconstraints: {timeout: x, breaker: {failures: y}}")
    assert [line.split(" ")[:2] for line in said(BOT, text)] == [
        ["2:9", "LB007"],
        ["2:20", "LB007"],
        ["3:1", "LB005"],
        ["4:24", "LB007"],
        ["4:47", "LB007"],
    ]


def test_plain_text_stays_as_it_is_written():
    found = loaded(BOT, "bot: {name: B, version: 1.10, responsibility: 012}").fleet.bots[0]
    assert (found.version, found.responsibility) == ("1.10", "012")


def test_a_broken_bot_is_still_known_by_name():
    result = loaded(BOT, "bot: {name: B, version: [], nope: 1}\ntriggers: 5")
    assert [found.name for found in result.fleet.bots] == ["B"]
    assert result.fleet.broken == {BOT}


def test_two_bots_of_one_name_break_both_files():
    result = load({**FRAME, "rules/bots/a.yaml": b"bot:\n  name: B"})
    (finding,) = result.diagnostics
    assert (str(finding.primary.span), finding.code) == ("rules/bots/b.yaml:1:13", "LB009")
    assert finding.message == "the bot `B` is declared twice"
    assert [(str(label.span), label.text) for label in finding.related] == [
        ("rules/bots/a.yaml:2:9", "first declared here")
    ]
    assert result.fleet.broken == {"rules/bots/a.yaml", BOT}
    assert [found.path for found in result.fleet.bots] == ["rules/bots/a.yaml"]


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("rules/fleet.yml", "did you mean `rules/fleet.yaml`?"),
        ("rules/event.yaml", "did you mean `rules/events.yaml`?"),
        ("rules/bots/testbot.yml", "did you mean `rules/bots/testbot.yaml`?"),
        ("rules/bots/TestBot.YAML", "did you mean `rules/bots/TestBot.yaml`?"),
        ("rules/bots/testbot.YmL", "did you mean `rules/bots/testbot.yaml`?"),
        ("rules/bots/deep/testbot.yaml", "did you mean `rules/bots/testbot.yaml`?"),
        ("rules/policies/zzzzzz.yaml", "rename it, or move it out of `rules/` and `graphs/`"),
    ],
)
def test_a_yaml_file_that_nothing_reads_is_a_finding(path: str, cure: str):
    (finding,) = loaded(path, "").diagnostics
    assert (finding.code, finding.help) == ("LB008", cure)
    assert finding.message == f"`{path}` is no file of a workspace, so nothing reads it"


def test_a_file_that_is_no_yaml_is_ignored():
    assert loaded("rules/README.md", "[").diagnostics == ()


def test_an_empty_file_is_a_finding():
    assert said("rules/gates.yaml", "# nothing\n") == [
        (
            "1:1 LB007 expected a gates file, found an empty file | "
            "write its keys (`gates`), or remove the file"
        )
    ]


def test_no_files_at_all_are_an_empty_fleet():
    assert [(d.code, str(d.primary.span)) for d in load({}).diagnostics] == [
        ("LB011", "rules/bots:1:1"),
        ("LB010", "rules/fleet.yaml:1:1"),
    ]


def test_a_text_that_is_too_long_is_told_the_longest():
    text = f"bot: {{name: TestBot, responsibility: {'x' * 4097}}}"
    (finding,) = loaded("rules/bots/testbot.yaml", text).diagnostics
    assert finding.code == "LB007"
    assert finding.message.startswith("expected at most 4096 characters, found `xxx")
    assert finding.help == "shorten it: it has 4097 characters"


def test_what_has_no_name_cannot_be_renamed():
    text = "bot: {name: TestBot}\nscope: [a.b, a.b]\nmay_cause: [a.b, a.b]"
    found = loaded("rules/bots/testbot.yaml", text).diagnostics
    assert [(one.code, one.help) for one in found] == [("LB009", "remove one of them")] * 2
