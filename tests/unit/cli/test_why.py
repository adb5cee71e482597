"""How `lotabots why` tells what became of an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lotabots.adapters.files.blobs import BlobStore
from lotabots.cli.why import asked_about, event_in_words, job_in_words

if TYPE_CHECKING:
    from pathlib import Path


def job(log: str, *, status: int = 1, violations: list[dict[str, Any]] | None = None) -> Any:  # noqa: ANN401
    report = {"refused": "", "limit": "", "status": status, "duration_s": 0.25, "log": log}
    attempt = {"attempt": 1, "report": report, "violations": violations or []}
    return {"job": "4f", "bot": "ABot", "action": "work", "attempts": [attempt]}


HEAD = ["  job 4f: ABot.work", "    attempt 1: exit status 1, 0.25 s"]


def test_a_failed_attempt_shows_the_end_of_its_log(tmp_path: Path):
    store = BlobStore(tmp_path)
    blob = store.put_bytes(b"".join(b"line %d\n" % n for n in range(1, 9)))
    assert job_in_words(job(blob.digest), store).splitlines() == [
        *HEAD,
        f"      log (the last 5 of 8 lines; all: {store.path(blob.digest)})",
        *(f"      | line {n}" for n in range(4, 9)),
    ]


def test_a_short_log_is_shown_whole_and_obeyed_by_no_terminal(tmp_path: Path):
    store = BlobStore(tmp_path)
    blob = store.put_bytes(b"Traceback\n\x1b[2Jno \xff\n\n")
    shown = job_in_words(job(blob.digest), store).splitlines()
    assert shown == [*HEAD, "      log", "      | Traceback", "      | \\x1b[2Jno \ufffd"]


def test_an_attempt_whose_line_was_refused_shows_the_line_and_the_log(tmp_path: Path):
    store = BlobStore(tmp_path)
    blob = store.put_bytes(b"hm\n")
    refused = [{"line": 1, "code": "LR401", "reason": "no\x1b JSON"}]
    shown = job_in_words(job(blob.digest, status=0, violations=refused), store).splitlines()
    assert shown[2:] == ["      line 1: LR401 no\\x1b JSON", "      log", "      | hm"]


def test_a_log_that_is_not_here_or_that_nobody_needs_is_left_out(tmp_path: Path):
    store = BlobStore(tmp_path)
    blob = store.put_bytes(b"all is well\n")
    assert "all is well" not in job_in_words(job(blob.digest, status=0), store)
    assert job_in_words(job("sha256:" + "0" * 64), store).splitlines() == HEAD
    assert job_in_words(job(""), store).splitlines() == HEAD


def test_a_bad_result_names_the_events_that_say_why(tmp_path: Path):
    done = job("", status=0) | {
        "outcome": {"outcome": "error", "code": "", "reason": "", "emitted": ["e\x1b7"]}
    }
    assert job_in_words(done, BlobStore(tmp_path)).splitlines()[2:] == [
        "    error",
        "    what it found is in its event: `lotabots why e\\x1b7 --format json`",
    ]
    done["outcome"]["outcome"] = "success"
    assert job_in_words(done, BlobStore(tmp_path)).splitlines()[2:] == ["    success"]


def verdict(target: str, said: str, **more: str) -> dict[str, Any]:
    return {"target": target, "verdict": said, "rule": {"span": ["rules/a.yaml", 3]}, **more}


def test_columns_are_as_wide_as_what_they_hold():
    event = {"type": "a.b", "source": "ABot", "id": "1"}
    assert event_in_words(event, width=80) == "a.b from ABot, id 1"
    event["verdicts"] = [  # type: ignore[assignment]  # JSON
        verdict("gate.release-production", "wait", code="LR305", reason="waits for `a\x1b`"),
        verdict("ABot", "dispatch", action="work"),
    ]
    assert event_in_words(event, width=80).splitlines()[1:] == [
        "  gate.release-production  wait      LR305  waits for `a\\x1b`  (rules/a.yaml:3)",
        "  ABot                     dispatch         work  (rules/a.yaml:3)",
    ]


def test_a_column_without_anything_in_it_takes_no_room():
    event = {"type": "a.b", "source": "ABot", "id": "", "verdicts": [verdict("ABot", "dispatch")]}
    assert event_in_words(event, width=80).splitlines() == [
        "a.b from ABot, id (none)",
        "  ABot  dispatch    (rules/a.yaml:3)",
    ]


def test_of_two_pushes_each_has_its_own_jobs_and_none_of_what_followed():
    spans = [
        {"kind": "event", "token": "a"},
        {"kind": "job", "job": "1", "event": "a", "attempts": []},
        {"kind": "event", "token": "b"},
        {"kind": "event", "token": "c"},
        {"kind": "job", "job": "2", "event": "c", "attempts": []},
    ]
    assert asked_about({"asked": ["a", "b"], "spans": spans}) == [
        {"event": spans[0], "jobs": [spans[1]]},
        {"event": spans[2], "jobs": []},
    ]
