"""`lotabots audit`: what it says, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from lotabots.adapters.files.auditlog import ORIGIN, AuditWriter
from lotabots.audit.note import verifier_of
from lotabots.audit.record import leaf
from lotabots.cli.audit import command
from transparency import NOW, SEED

if TYPE_CHECKING:
    from pathlib import Path

KEY = str(verifier_of(ORIGIN, SEED))
OTHER = str(verifier_of(ORIGIN, bytes(32)))


def record(sequence: int) -> bytes:
    if sequence % 3 == 0:
        body: dict[str, object] = {"outcome": "error", "code": "LR405", "reason": "exit \x1b[31m"}
        subject = f"lb.out.dead.BuildBot.j{sequence}"
    else:
        event = {"event_id": f"e{sequence}", "event_type": "change.pushed"}
        body = {"decision": event, "jobs": [{"job": "j", "bot": "BuildBot", "action": "build"}]}
        subject = f"lb.dec.t{sequence}" + ".gates" * (sequence % 3 == 2)
    return leaf(
        sequence, NOW, subject=subject, origin="LB_DECISIONS", body=json.dumps(body).encode()
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A workspace's log of 300 entries, and a checkpoint from when it had 100."""
    folder = tmp_path / ".lotabots/audit"
    (tmp_path / "rules").mkdir()
    with AuditWriter(folder, SEED) as writer:
        writer.append([record(n) for n in range(1, 101)])
        writer.publish()
        (tmp_path / "older").write_bytes((folder / "checkpoint").read_bytes())
        writer.append([record(n) for n in range(101, 301)])
        writer.publish()
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_a_whole_log_is_said_to_be_whole_against_itself_only(log: Path):
    result = run("verify", "-C", log.parents[1])
    assert result.exit_code == 0
    assert result.stdout.startswith("whole: 300 entries, root ")
    assert "note: the key is the log's own: this proves that the log is whole" in result.stdout


@pytest.mark.parametrize("as_file", [False, True])
def test_with_its_key_given_there_is_nothing_to_note(log: Path, tmp_path: Path, *, as_file: bool):
    (tmp_path / "pinned").write_text(KEY + "\n")
    result = run("verify", log, "--key", tmp_path / "pinned" if as_file else KEY)
    assert (result.exit_code, "note:" in result.stdout) == (0, False)


def test_another_key_is_a_finding(log: Path):
    result = run("verify", log, "--key", OTHER)
    assert result.exit_code == 1
    assert result.stdout == f"damage: the checkpoint is not signed by `{ORIGIN}`\n"


def test_damage_is_a_finding_in_both_formats(log: Path):
    path = log / "tile/0/000"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    said = "tile/0/000 does not hold the hashes of its entries"
    result = run("verify", log, "--key", KEY)
    assert (result.exit_code, result.stdout) == (1, f"damage: {said}\n")
    result = run("verify", log, "--key", KEY, "--format", "json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["faults"], report["entries"], report["pinned"]) == ([said], 300, True)


def test_the_log_is_checked_against_an_older_checkpoint(log: Path, tmp_path: Path):
    result = run("verify", log, "--since", tmp_path / "older")
    assert result.exit_code == 0
    assert "unchanged since the checkpoint over 100 entries" in result.stdout
    (tmp_path / "newer").write_bytes((log / "checkpoint").read_bytes())
    (log / "checkpoint").write_bytes((tmp_path / "older").read_bytes())
    result = run("verify", log, "--since", tmp_path / "newer")
    assert result.exit_code == 1
    assert "damage: a tree of 300 is no prefix of a tree of 100" in result.stdout


@pytest.mark.parametrize("words", [("verify",), ("show",), ("prove", "1")])
def test_no_log_is_an_error(tmp_path: Path, words: tuple[str, ...]):
    (tmp_path / "rules").mkdir()
    result = run(*words, "-C", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"error: no audit log in {tmp_path}/.lotabots/audit\n"


def test_a_malformed_key_is_an_error(log: Path):
    assert run("verify", log, "--key", "a+b").exit_code == 2
    result = run("verify", log, "--key", log / "none")
    assert (result.exit_code, "No such file" in result.stderr) == (2, True)


def test_what_the_host_did_and_refused_is_shown_with_what_it_is_about(tmp_path: Path):
    about = {"door": "rollback", "service": "shop", "environment": "production", "release": "1-a"}
    did = about | {"verb": "promote", "job": "j", "withdraw": "2-b", "reason": "too slow"}
    refused = about | {"verb": "scale", "status": 403, "error": "another door"}
    with AuditWriter(tmp_path / "audit", SEED) as writer:
        for sequence, (verb, body) in enumerate({"promote": did, "refused": refused}.items(), 1):
            subject = f"lb.ctl.host.{verb}"
            data = json.dumps(body).encode()
            writer.append([leaf(sequence, NOW, subject=subject, origin="LB_CONTROL", body=data)])
        writer.publish()
    shown = run("show", "--log", tmp_path / "audit").stdout.splitlines()
    assert [line.split("  ")[-1] for line in shown] == [
        "rollback shop production 1-a too slow",
        "rollback shop production 1-a scale 403 another door",
    ]


def test_what_operators_said_is_shown_with_whose_word_it_is_and_why(tmp_path: Path):
    by = {"by": "cli.ann", "at": "2026-03-01T12:00:00Z", "record": 0}
    words = [
        ("bot.ABot", {"bot": "ABot", "disabled": True, "phase": "", "reason": "loses carts"}),
        ("bot.ABot", {"bot": "ABot", "disabled": False, "phase": "", "reason": ""}),
        ("rollout", {"bot": "", "disabled": False, "phase": "core", "reason": "a step back"}),
        ("rollout", {"bot": "", "disabled": False, "phase": "", "reason": ""}),
        ("redrive.4f", {"job": "4f", "again": "4f-again"}),
    ]
    with AuditWriter(tmp_path / "audit", SEED) as writer:
        for sequence, (about, said) in enumerate(words, 1):
            subject, data = f"lb.ctl.engine.{about}", json.dumps(by | said).encode()
            writer.append([leaf(sequence, NOW, subject=subject, origin="LB_CONTROL", body=data)])
        writer.publish()
    shown = run("show", "--log", tmp_path / "audit").stdout.splitlines()
    assert [line.split("  ")[-1] for line in shown] == [
        "disabled by cli.ann: loses carts",
        "enabled by cli.ann",
        "core by cli.ann: a step back",
        "as the rules say by cli.ann",
        "redriven by cli.ann",
    ]


def test_the_newest_entries_are_shown_oldest_first_and_safe_for_terminals(log: Path):
    result = run("show", "--log", log, "--last", 3)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "     298  2026-03-01 12:00:00  lb.dec.t298  change.pushed e298 -> BuildBot.build",
        "     299  2026-03-01 12:00:00  lb.dec.t299.gates  change.pushed e299 -> BuildBot.build",
        "     300  2026-03-01 12:00:00  lb.out.dead.BuildBot.j300  error LR405 exit \\x1b[31m",
    ]
    assert (
        "\x1b[36mlb.dec.t298\x1b[0m"
        in run("show", "--log", log, "--last", 3, "--color", "always").output
    )


def test_entries_are_chosen_by_subject(log: Path):
    words = ("show", "--log", log, "--subject", "lb.out.dead.**", "--last", 2, "--format", "json")
    report = json.loads(run(*words).stdout)
    assert [entry["seq"] for entry in report["entries"]] == [297, 300]
    assert len(run("show", "--log", log, "--last", 1000).stdout.splitlines()) == 300


@pytest.mark.parametrize("which", ["298", "e298"])
def test_a_proof_is_one_file_that_needs_nothing_but_the_key(log: Path, tmp_path: Path, which: str):
    proof = tmp_path / "p"
    assert run("prove", which, "--log", log, "-o", proof).exit_code == 0
    result = run("prove", "--check", proof, "--key", KEY, "-C", tmp_path / "nowhere")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"proved: entry 298 of the 300 that {ORIGIN} signed\n")
    assert '"event_id": "e298"' in result.stdout
    report = json.loads(run("prove", "--check", proof, "--key", KEY, "--format", "json").stdout)
    assert (report["index"], report["entry"]["seq"]) == (297, 298)


def test_a_changed_proof_is_a_finding(log: Path, tmp_path: Path):
    lines = run("prove", 7, "--log", log).stdout.split("\n")
    lines[1] = run("prove", 8, "--log", log).stdout.split("\n")[1]
    (tmp_path / "p").write_text("\n".join(lines))
    result = run("prove", "--check", tmp_path / "p", "--log", log)
    assert result.exit_code == 1
    assert result.stdout == "not proved: the inclusion proof leads to another root\n"
    result = run("prove", "--check", tmp_path / "p", "--key", OTHER, "--format", "json")
    assert json.loads(result.stdout)["fault"] == f"the checkpoint is not signed by `{ORIGIN}`"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("0",), "the log has no entry 0; it holds 1 to 300"),
        (("301",), "the log has no entry 301; it holds 1 to 300"),
        (("none",), "the log has no decision on an event `none`"),
        (("e299",), "the log has no decision on an event `e299`"),
        ((), "give either an entry to prove, or --check FILE"),
    ],
)
def test_what_is_not_there_cannot_be_proved(log: Path, words: tuple[str, ...], message: str):
    result = run("prove", *words, "--log", log)
    assert (result.exit_code, result.stderr) == (2, f"error: {message}\n")
