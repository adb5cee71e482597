"""What a bot may write, and what becomes of it: every breach of the contract has its code."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from msgspec import Raw, structs

from deciding import FILES, NOW
from lotabots.model.bot import Copied, Counted, Counter, Emission, SetValue
from lotabots.model.load import load
from lotabots.policy.contract import (
    MAX_ARTIFACTS,
    MAX_LINE,
    ActionContract,
    Artifact,
    Cause,
    Emitted,
    Job,
    Line,
    StoredArtifact,
    Violation,
    compile_contracts,
    event_of,
    event_token,
    finish_line,
    job_id,
    read_line,
)

EVENTS = FILES["rules/events.yaml"].replace(
    """  build.slow:
    doc: nobody cares
    emitters: [BuildBot]
    terminal: true
    payload: {}
""",
    """  build.slow:
    doc: all kinds of members
    emitters: [BuildBot]
    terminal: true
    payload:
      "n?": number
      "i?": integer
      "text?": string
      "change?": {fields: {"id?": string, "note?": string}}
      "artifacts?": {list: {fields: {name: string, kind: string, digest: string, size: integer,
        "media_type?": string}}}
""",
)
BOT = FILES["rules/bots/buildbot.yaml"].replace(
    "build.slow]}", "build.slow], produces: [wheel, log]}"
)
FLEET = load(
    {
        path: text.encode()
        for path, text in (
            FILES | {"rules/events.yaml": EVENTS, "rules/bots/buildbot.yaml": BOT}
        ).items()
    }
).fleet

CONTRACT = compile_contracts(FLEET).get("BuildBot", "build")
assert CONTRACT is not None

JOB = Job(
    job="j" * 26,
    bot="BuildBot",
    action="build",
    event=Cause(
        "e1",
        "change.pushed",
        "cli.ann",
        NOW,
        Raw(b'{"repository":"r","change":{"id":"c1"},"ratio":0.1000000000000000055511}'),
        "corr",
    ),
    decision="t" * 52,
    policy="sha256:00",
    attempt=2,
    hops=3,
)
BUILD = {
    "repository": "r",
    "change": {"id": "c1"},
    "outcome": "success",
    "checked": 3,
    "ratio": 0.9,
}


def line_of(payload: dict[str, Any], kind: str = "build.completed", **more: object) -> bytes:
    return json.dumps({"type": kind, "payload": payload, **more}).encode()


def read(raw: bytes, contract: ActionContract = CONTRACT) -> Line | Violation:
    return read_line(contract, raw, number=7)


def run(
    raw: bytes,
    *stored: StoredArtifact,
    contract: ActionContract = CONTRACT,
    job: Job = JOB,
) -> Emitted | Violation:
    """Read and finish a line that is expected to be read."""
    line = read(raw, contract)
    assert isinstance(line, Line), line
    return finish_line(contract, line, job, stored=stored, number=7)


def with_set(**values: SetValue) -> ActionContract:
    """The contract with `set:` values for build.slow; `__` in a name stands for a dot."""
    emission, reader = CONTRACT.emissions["build.slow"]
    paths = {path.replace("__", "."): value for path, value in values.items()}
    changed = Emission(type=emission.type, set=paths)
    return structs.replace(
        CONTRACT, emissions={**CONTRACT.emissions, "build.slow": (changed, reader)}
    )


def slow(payload: dict[str, Any], **values: SetValue) -> dict[str, Any] | Violation:
    """The payload of build.slow that `payload` becomes under these `set:` values."""
    emitted = run(line_of(payload, "build.slow"), contract=with_set(**values))
    return json.loads(bytes(emitted.payload)) if isinstance(emitted, Emitted) else emitted


def test_a_declared_line_becomes_an_event():
    emitted = run(line_of(BUILD))
    assert isinstance(emitted, Emitted)
    assert (emitted.type, json.loads(bytes(emitted.payload)), emitted.outcome) == (
        "build.completed",
        BUILD,
        "success",
    )


def test_a_payload_without_an_outcome_says_nothing_about_success():
    emitted = run(line_of({}, "build.slow"))
    assert emitted == Emitted("build.slow", Raw(b"{}"), "")


def test_actions_have_contracts_and_nothing_else_has():
    contracts = compile_contracts(FLEET)
    assert contracts.get("BuildBot", "deploy") is None
    assert contracts.get("NoBot", "build") is None
    silent = contracts.get("ChatBot", "tell")
    assert silent is not None
    assert read(line_of({}, "build.slow"), silent) == Violation(
        "LR402", 7, "`build.slow` is not declared in `emits:`; this action may emit nothing"
    )


def test_an_event_type_that_does_not_exist_is_never_allowed():
    text = FILES["rules/bots/buildbot.yaml"].replace("build.slow]", "build.none]")
    files = {path: body.encode() for path, body in FILES.items()}
    fleet = load(files | {"rules/bots/buildbot.yaml": text.encode()}).fleet
    contract = compile_contracts(fleet).get("BuildBot", "build")
    assert contract is not None
    assert sorted(contract.emissions) == ["build.completed"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (line_of({}, "test.completed"), "`test.completed`"),
        (line_of({}, "x" * 500), f"`{'x' * 128}`"),
        (line_of({}, ""), "``"),
    ],
)
def test_an_undeclared_type_is_refused(raw: bytes, reason: str):
    assert read(raw) == Violation(
        "LR402",
        7,
        f"{reason} is not declared in `emits:`; "
        "this action may emit `build.completed`, `build.slow`",
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "object missing required field `change`"),
        (BUILD | {"more": 1}, "object contains unknown field `more`"),
        (BUILD | {"checked": 0}, "a success that checked nothing: `checked` must be at least 1"),
        (BUILD | {"checked": 0.0}, "a success that checked nothing: `checked` must be at least 1"),
        (BUILD | {"outcome": "great"}, "`payload.outcome`: invalid enum value 'great'"),
        (BUILD | {"repository": None}, "`payload.repository`: expected `str`, got `null`"),
    ],
)
def test_a_payload_of_another_type_is_refused(payload: dict[str, Any], reason: str):
    found = run(line_of(payload))
    assert isinstance(found, Violation)
    assert (found.code, found.line) == ("LR403", 7)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "input data was truncated"),
        (b"hello", "JSON is malformed"),
        (b"[]", "expected `object`, got `array`"),
        (b"{}", "missing required field `type`"),
        (b'{"type": "build.slow"}', "missing required field `payload`"),
        (b'{"type": "build.slow", "payload": []}', "`$.payload`: expected `object`"),
        (b'{"type": 1, "payload": {}}', "`$.type`: expected `str`"),
        (b'{"type": "build.slow", "payload": {}, "source": "cli.ann"}', "unknown field `source`"),
        (b'{"type": "build.slow", "payload": {}} {}', "JSON is malformed: trailing characters"),
        (b'{"type": "build.slow", "payload": {"n": NaN}}', "JSON is malformed"),
        (b'{"type": "build.slow", "payload": {"n": Infinity}}', "JSON is malformed"),
        (b'{"type": "build.slow", "payload": {"n": 1e99999999999999999999}}', ""),
        (b'{"type": "build.slow", "payload": {"text": "\\ud800"}}', ""),
        (b'{"type": "build.slow", "payload": {"text": "\xff"}}', "not UTF-8"),
        (b'{"type": "build.slow", "payload": {"i": %s}}' % (b"9" * 5000), ""),
        (b'{"type": "build.slow", "payload": %s}' % (b'{"a":' * 5000), "nested deeper than 32"),
        (b'{"type": "build.slow", "payload": {"a": %s}}' % (b"[" * 40 + b"]" * 40), "deeper"),
        (b'{"type": "build.slow", "payload": {"text": "%s"}}' % (b"x" * MAX_LINE), "longer than"),
        (b'{"type": "build.slow", "payload": {}, "artifacts": [{"path": "a"}]}', "field `kind`"),
        (b'{"type": "build.slow", "payload": {}, "artifacts": [1]}', "`$.artifacts[0]`"),
    ],
)
def test_a_malformed_line_is_refused(raw: bytes, reason: str):
    found = read(raw)
    assert isinstance(found, Violation)
    assert (found.code, found.line) == ("LR401", 7)
    assert reason.lower() in found.reason.lower()


def test_of_a_repeated_member_the_last_one_counts_and_is_all_that_is_published():
    raw = b'{"type":"build.slow","payload":{"text":"a","text":"b"},"payload":{"i":1,"i":2}}'
    assert run(raw) == Emitted("build.slow", Raw(b'{"i":2}'), "")


@pytest.mark.parametrize(
    "number",
    [
        "0.1",
        "0.1000000000000000055511",
        "1E+400",
        "1E-400",
        "-0.0",
        "123456789012345678901234567890.5",
    ],
)
def test_numbers_keep_all_their_digits(number: str):
    emitted = run(b'{"type":"build.slow","payload":{"n":%s}}' % number.encode())
    assert emitted == Emitted("build.slow", Raw(b'{"n":%s}' % number.encode()), "")


@pytest.mark.parametrize("number", ["9" * 30, "-" + "9" * 30, "1.5", "1E+400"])
def test_a_number_that_is_no_integer_of_ours_is_refused(number: str):
    found = run(b'{"type":"build.slow","payload":{"i":%s}}' % number.encode())
    assert isinstance(found, Violation)
    assert found.code == "LR403"


def test_artifacts_are_those_that_were_stored():
    raw = line_of({"text": "t"}, "build.slow", artifacts=[{"path": "a.whl", "kind": "wheel"}])
    line = read(raw)
    assert isinstance(line, Line)
    assert line.artifacts == (Artifact("a.whl", "wheel"),)
    stored = StoredArtifact("a.whl", "wheel", "sha256:00", 3)
    emitted = run(raw, stored)
    assert isinstance(emitted, Emitted)
    assert json.loads(bytes(emitted.payload)) == {
        "text": "t",
        "artifacts": [{"name": "a.whl", "kind": "wheel", "digest": "sha256:00", "size": 3}],
    }


def test_stored_artifacts_replace_what_the_line_says_they_are():
    claimed = [{"name": "x", "kind": "wheel", "digest": "sha256:ff", "size": 1}]
    raw = line_of({"artifacts": claimed}, "build.slow", artifacts=[{"path": "a", "kind": "log"}])
    emitted = run(raw, StoredArtifact("a", "log", "sha256:00", 3, "text/plain"))
    assert isinstance(emitted, Emitted)
    assert [a["digest"] for a in json.loads(bytes(emitted.payload))["artifacts"]] == ["sha256:00"]


def test_artifacts_for_an_event_that_has_none_are_refused():
    raw = line_of(BUILD, artifacts=[{"path": "a", "kind": "wheel"}])
    found = run(raw, StoredArtifact("a", "wheel", "sha256:00", 3))
    assert isinstance(found, Violation)
    assert (found.code, "`artifacts`" in found.reason) == ("LR403", True)


def test_an_artifact_of_an_undeclared_kind_is_refused():
    raw = line_of({}, "build.slow", artifacts=[{"path": "a", "kind": "sbom"}])
    said = "artifacts of kind `sbom` are not declared in `produces:`"
    assert read(raw) == Violation("LR404", 7, said)


def test_too_many_artifacts_are_refused():
    one = {"path": "a", "kind": "wheel"}
    most = read(line_of({}, "build.slow", artifacts=[one] * MAX_ARTIFACTS))
    assert isinstance(most, Line)
    more = read(line_of({}, "build.slow", artifacts=[one] * (MAX_ARTIFACTS + 1)))
    assert more == Violation("LR404", 7, "more than 100 artifacts")


def test_the_engine_writes_what_set_says_over_what_the_bot_says():
    assert slow({"text": "mine", "i": 5}, text="ours", i=1) == {"text": "ours", "i": 1}


def test_a_field_of_the_cause_is_copied_with_all_its_digits():
    emitted = run(line_of({}, "build.slow"), contract=with_set(n=Copied("ratio")))
    assert emitted == Emitted("build.slow", Raw(b'{"n":0.1000000000000000055511}'), "")
    assert slow({}, text=Copied("change.id")) == {"text": "c1"}


def test_a_nested_field_is_written_beside_what_the_bot_says():
    said = {"change": {"note": "n", "id": "mine"}}
    assert slow(said, change__id=Copied("change.id")) == {"change": {"note": "n", "id": "c1"}}
    assert slow({}, change__id=Copied("change.id")) == {"change": {"id": "c1"}}
    assert slow({"change": 3}, change__id="x") == {"change": {"id": "x"}}


@pytest.mark.parametrize(
    "path", ["branch", "change.note", "change.id.deeper", "repository.x", "a.b.c"]
)
def test_a_field_that_the_cause_does_not_have_is_removed(path: str):
    assert slow({"text": "mine"}, text=Copied(path)) == {}
    assert slow({}, text=Copied(path)) == {}
    assert slow({"change": {"note": "mine"}}, change__note=Copied(path)) == {"change": {}}


def test_a_field_that_the_cause_does_not_have_makes_no_objects_around_it():
    assert slow({}, change__note=Copied("branch")) == {}
    assert slow({"text": "t"}, change__note=Copied("branch")) == {"text": "t"}


def test_counters_are_the_engine_s_own():
    assert slow({"i": 99}, i=Counted(Counter.ATTEMPT)) == {"i": 2}
    assert slow({}, i=Counted(Counter.ATTEMPT, plus=1)) == {"i": 3}
    assert slow({}, i=Counted(Counter.HOPS, plus=-3)) == {"i": 0}


def test_setting_values_changes_neither_line_nor_job():
    line = read(line_of({"change": {"id": "mine"}}, "build.slow"))
    assert isinstance(line, Line)
    before = msgspec.json.encode([line, JOB])
    contract = with_set(change__id=Copied("change.id"))
    first = finish_line(contract, line, JOB, stored=(), number=7)
    assert finish_line(contract, line, JOB, stored=(), number=7) == first
    assert msgspec.json.encode([line, JOB]) == before


def test_the_event_names_the_bot_the_chain_and_the_moment():
    emitted = run(line_of(BUILD))
    assert isinstance(emitted, Emitted)
    event = event_of(emitted, JOB, line=1, key=b"k" * 32, now=NOW)
    assert (event.source, event.type, event.timestamp) == ("BuildBot", "build.completed", NOW)
    assert (event.correlation_id, event.destination, event.priority) == ("corr", "*", "medium")
    alone = structs.replace(JOB, event=structs.replace(JOB.event, correlation_id=""))
    assert event_of(emitted, alone, line=1, key=b"k", now=NOW).correlation_id == "e1"


def test_an_event_has_the_same_id_in_every_run_and_another_for_everything_else():
    emitted = run(line_of(BUILD))
    assert isinstance(emitted, Emitted)

    def named(job: Job = JOB, line: int = 1, key: bytes = b"k") -> str:
        return event_of(emitted, job, line=line, key=key, now=NOW).id

    ids = {
        named(),
        named(line=2),
        named(line=11),
        named(structs.replace(JOB, attempt=1)),
        named(structs.replace(JOB, attempt=21)),
        named(structs.replace(JOB, job="k" * 26)),
        named(key=b"K"),
    }
    assert len(ids) == 7
    assert named(structs.replace(JOB, decision="other", hops=9)) == named()


def test_tokens_and_jobs_are_subject_tokens_that_do_not_run_together():
    tokens = {
        event_token(*names) for names in (("a", "bc"), ("ab", "c"), ("a", "bC"), ("a", "* >"))
    }
    assert len(tokens) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens)
    jobs = {job_id(token, bot) for token in tokens for bot in ("BuildBot", "TestBot")}
    assert len(jobs) == 8
    assert all(re.fullmatch("[0-9a-f]{32}", job) for job in jobs)


def test_a_job_goes_through_its_message():
    assert msgspec.json.decode(msgspec.json.encode(JOB), type=Job) == JOB


def test_a_bot_may_name_only_artifacts_it_handed_over_or_was_given() -> None:
    """Else it could pass off another bot's blob as its own result, past `produces:`."""
    digest = "sha256:" + "ab" * 32
    named = [{"name": "x.whl", "kind": "wheel", "digest": digest, "size": 3}]
    judged = run(line_of({"artifacts": named}, "build.slow"))
    assert judged == Violation(
        "LR404", 7, f"`{digest}` is no artifact that this run handed over or was given"
    )
    stored = StoredArtifact("x.whl", "wheel", digest, 3)
    assert isinstance(run(line_of({"artifacts": named}, "build.slow"), stored), Emitted)
    given = structs.replace(
        JOB,
        event=structs.replace(JOB.event, payload=Raw(json.dumps({"artifact": named[0]}).encode())),
    )
    assert isinstance(run(line_of({"artifacts": named}, "build.slow"), job=given), Emitted)
