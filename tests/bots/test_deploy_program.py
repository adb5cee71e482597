"""The parts of DeployBot that the engine or the host would stop before, each by itself."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import toolbox
from bots.deploying import service
from executor.workshop import COMMIT, ROOT

if TYPE_CHECKING:
    from pathlib import Path

BOT = ROOT / "bots/deploy"


def run(tmp_path: Path, digest: str, **paths: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The payload of the last line, for an artifact that should have `digest`."""
    name, built = service()
    (tmp_path / "blob").write_bytes(built)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        relay = f"127.0.0.1:{nobody.getsockname()[1]}"
        places = {one: str(tmp_path / one) for one in ("releases:staging", "wheelhouse", "out")}
        for place in places.values():
            (tmp_path / place).mkdir()
        box = toolbox("deploy")
        given = {
            "out": places.pop("out"),
            "artifacts": {digest: str(tmp_path / "blob")},
            "toolbox": {"deploy": str(box.packages)},
            "programs": {},
            "places": places,
            "relays": {"deploy-staging": relay},
        }
        payload = {
            "action": "deploy",
            "environment": "staging",
            "service": "shop",
            "repository": "shop",
            "change": {"id": COMMIT},
            "artifact": {"name": name, "kind": "wheel", "digest": digest, "size": 1},
        }
        job = {
            "idempotency_key": "job1",
            "timeout_s": 4.0,
            "event": {"payload": payload},
            "paths": {**given, **paths},
            "tools": {"deploy": box.digest},
        }
        command = [sys.executable, "-I", "-S", "-B", str(BOT), "deploy"]
        done = subprocess.run(
            command, input=json.dumps(job).encode(), capture_output=True, check=True
        )
    assert done.stderr == b""
    started, failed = map(json.loads, done.stdout.splitlines())
    assert (started["type"], failed["type"]) == ("deploy.started", "deploy.failed")
    said: dict[str, Any] = failed["payload"]
    return said


def right() -> str:
    """The digest of the artifact."""
    return f"sha256:{hashlib.sha256(service()[1]).hexdigest()}"


def test_another_artifact_than_the_approved_is_an_error(tmp_path: Path):
    said = run(tmp_path, f"sha256:{'a' * 64}")
    assert (said["outcome"], said["checked"]) == ("error", 0)
    assert said["reason"] == f"the artifact is not the one that was approved: it is {right()}"


def test_an_artifact_that_is_not_there_is_an_error(tmp_path: Path):
    said = run(tmp_path, right(), artifacts={})
    assert (said["outcome"], said["reason"]) == ("error", "the artifact is not there")


def test_without_a_door_nothing_is_done(tmp_path: Path):
    said = run(tmp_path, right(), relays={"deploy-production": "127.0.0.1:1"})
    assert said["outcome"] == "error"
    assert said["reason"] == "this job has no way to the door `deploy-staging`"


def test_a_host_that_nobody_can_reach_is_an_error(tmp_path: Path):
    said = run(tmp_path, right())
    assert said["outcome"] == "error"
    assert said["reason"].startswith("the host cannot be reached: [Errno 111] Connection refused")


@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_deploybot_starts_without_any_installed_package(action: str):
    command = [sys.executable, "-I", "-S", "-B", str(BOT), action]
    done = subprocess.run(command, input=b"[]", capture_output=True, check=False)
    assert b"ModuleNotFoundError" not in done.stderr
    assert done.stdout == b""


HIDE = """
import sys
sys.path.insert(0, sys.argv[1])
from neutral import Neutral
sys.stdout.write(Neutral({})(sys.stdin.read()))
"""


@pytest.mark.parametrize(
    "word", ["a", "token", "token ", "token=", 'token="', "a://", "gh", "eyJ-"]
)
def test_what_a_program_says_does_not_hold_up_the_bot(word: str):
    """Each took minutes, or for ever, when names were looked for from each of their letters."""
    command = [sys.executable, "-I", "-S", "-B", "-c", HIDE, str(BOT)]
    text = word * (32_000 // len(word)) + " API_TOKEN=abc123"
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=60)
    assert b"abc123" not in done.stdout
