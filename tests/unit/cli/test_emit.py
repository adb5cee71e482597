"""What `lotabots emit` says of an event before it asks the server for anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]

MISFIT, USAGE = 1, 2
COMMIT = "c0ffee0" * 5 + "12345"
GOOD = f'{{"repository": "shop", "change": {{"id": "{COMMIT}"}}}}'
WAYS = "give a JSON object, `@FILE`, or `-` to read standard input\n`change.pushed` has\n"


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        (
            "buildd.completed",
            "did you mean `build.completed`, `backup.completed` or `docs.completed`?",
        ),
        ("change.pushd", "did you mean `change.pushed` or `change.created`?"),
        ("zzz", "all that can happen stands in rules/events.yaml"),
    ],
)
def test_an_unknown_event_is_refused_with_what_is_near(
    workspace: Path, name: str, cure: str, lotabots: Lotabots
) -> None:
    done = lotabots("emit", "-C", workspace, name, "{}")
    assert (done.exit_code, done.output) == (USAGE, f"error: no such event: `{name}`; {cure}\n")


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ('{"change": {"id": "c0ffee0"}}', "`payload.change.id`: expected `commit`"),
        (
            f'{{"change": {{"id": "{COMMIT}"}}}}',
            "`payload`: object missing required field `repository`",
        ),
        ("[]", "`payload`: expected `object`, got `array`"),
        (
            '{"repository": "shop", "change": {}}',
            "`payload.change`: object missing required field `id`",
        ),
    ],
)
def test_a_payload_of_another_type_is_refused_with_the_place_and_the_cure(
    workspace: Path, payload: str, fault: str, lotabots: Lotabots
) -> None:
    done = lotabots("emit", "-C", workspace, "change.pushed", payload)
    assert done.exit_code == MISFIT
    assert done.output == (
        f"error: the payload does not fit `change.pushed`: {fault}\n"
        "help: `lotabots explain change.pushed` lists its members; "
        "`--unchecked` sends it as it is\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["change.pushed", GOOD],
        ["change.pushed", "{}", "--unchecked"],
        ["no.such-event", "{}", "--unchecked"],
        ["build.completed", "{}"],  # that it is not ours to send is more to the point
    ],
)
def test_all_others_are_for_the_server_to_take_or_refuse(
    workspace: Path, words: list[str], lotabots: Lotabots
) -> None:
    done = lotabots("emit", "-C", workspace, *words)
    assert done.exit_code == USAGE
    assert done.output.startswith("error: no service runs with ")


def test_rules_that_cannot_be_read_check_nothing(workspace: Path, lotabots: Lotabots) -> None:
    (workspace / "rules/events.yaml").write_text("events: [\n")
    done = lotabots("emit", "-C", workspace, "change.pushd", "{}")
    assert done.output.startswith("error: no service runs with ")


@pytest.mark.parametrize("given", [[], ["-"]])
def test_an_empty_standard_input_is_told_with_what_is_expected(
    workspace: Path, given: list[str], lotabots: Lotabots
) -> None:
    done = lotabots("emit", "-C", workspace, "change.pushed", *given, stdin="\n")
    assert done.exit_code == USAGE
    assert done.output.startswith(
        f"error: the payload is empty: nothing came on standard input; {WAYS}"
    )
    assert "\n  `payload.change.id`: commit\n" in done.output


@pytest.mark.parametrize("given", [[], ["-"]])
def test_standard_input_is_the_payload_if_nothing_else_is(
    workspace: Path, given: list[str], lotabots: Lotabots
) -> None:
    done = lotabots("emit", "-C", workspace, "change.pushed", *given, stdin=GOOD)
    assert done.output.startswith("error: no service runs with ")
    done = lotabots("emit", "-C", workspace, "change.pushed", *given, stdin="[" * 100_000)
    assert done.output.startswith("error: the payload is not JSON: ")


def test_a_file_that_is_no_text_is_named(workspace: Path, lotabots: Lotabots) -> None:
    (workspace / "payload").write_bytes(b"\xff")
    done = lotabots("emit", "-C", workspace, "change.pushed", f"@{workspace / 'payload'}")
    assert (done.exit_code, done.output) == (USAGE, f"error: {workspace / 'payload'}: not UTF-8\n")


def test_a_terminal_is_not_waited_for_in_silence(workspace: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "lotabots", "emit", "-C", str(workspace), "change.pushed"]
    try:
        done = subprocess.run(words, stdin=theirs, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (USAGE, "")
        assert done.stderr.startswith(f"error: no payload was given; {WAYS}")
        os.write(ours, b"\x04")
        done = subprocess.run(
            [*words, "-"], stdin=theirs, capture_output=True, text=True, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == USAGE
    assert done.stderr.startswith(
        "reading the payload, a JSON object, from here; Ctrl-D ends it\nerror: the payload is empty"
    )
