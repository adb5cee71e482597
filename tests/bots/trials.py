"""TestBot with projects to test: hand-made wheels, real repositories, the real sandbox."""

from __future__ import annotations

import hashlib
import io
import zipfile
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from bots.checking import the_fleet, toolbox
from executor.workshop import ROOT, commit, job
from lotabots.frozen import replace
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from executor.workshop import Outcome, Workshop
    from lotabots.model.bot import Bot

NAME = "demo-1.0-py3-none-any.whl"
CODE = {
    "demo/__init__.py": "",
    "demo/sums.py": "def add(a, b):\n    if a is None:\n        return b\n    return a + b\n",
}
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
GOOD = "from demo.sums import add\n\ndef test_sums_add_up():\n    assert add(1, 2) == 3\n"


def wheel(
    files: Mapping[str, str] = CODE,
    *,
    metadata: str = METADATA,
    more: Mapping[str, str] | None = None,
    pure: str = "true",
    stem: str = "demo-1.0",
    lost: str = "",
) -> bytes:
    """A wheel of `files` with a right RECORD; `more` is put in without being in it."""
    facts = {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\n",
    }
    held = {**files, **facts}
    record = [f"{name},sha256={_hash(text)},{len(text)}" for name, text in held.items()]
    record += [f"{lost},,"] if lost else []
    held[f"{stem}.dist-info/RECORD"] = "\n".join([*record, f"{stem}.dist-info/RECORD,,"]) + "\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in {**held, **(more or {})}.items():
            # Without the time of now: the same files are the same wheel.
            archive.writestr(zipfile.ZipInfo(name), text)
    return data.getvalue()


def _hash(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class Trial:
    """TestBot under its own rules; `timeout` are the seconds of a job."""

    def __init__(self, workshop: Workshop, *, timeout: int = 0) -> None:
        toolbox("test")
        workshop.bots = ROOT / "bots"
        fleet = the_fleet()
        if timeout:
            fleet = replace(fleet, bots=tuple(_hurried(fleet.bots, timeout)))
        self.workshop = workshop
        self.executor = workshop.executor(fleet)
        assert self.executor.refusal("TestBot", "run-tests") == ""
        self.count = 0

    def run(
        self,
        files: Mapping[str, str | bytes],
        *,
        built: bytes | None = None,
        name: str = NAME,
        links: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Test a commit of `files` with the wheel `built` from it."""
        self.count += 1
        folder = self.workshop.folder / f"r{self.count}"
        return self.run_commit(*commit(folder, files, links=links), built=built, name=name)

    def run_commit(
        self, bare: Path, commit_id: str, *, built: bytes | None = None, name: str = NAME
    ) -> Outcome:
        blob = self.workshop.blobs.put_bytes(wheel() if built is None else built)
        artifact = {"name": name, "kind": "wheel", "digest": blob.digest, "size": blob.size}
        self.workshop.repositories["demo"] = bare
        asked = job(
            {"repository": "demo", "change": {"id": commit_id}, "artifact": artifact},
            bot="TestBot",
            action="run-tests",
            type="build.completed",
        )
        return self.workshop.run(self.executor, asked)

    def report(self, payload: dict[str, Any], kind: str = "test-report") -> bytes:
        """The report of a result."""
        (found,) = [one for one in payload["reports"] if one["kind"] == kind]
        return self.workshop.blobs.path(found["digest"]).read_bytes()


def _hurried(bots: Iterable[Bot], timeout: int) -> Iterator[Bot]:
    for bot in bots:
        yield replace(bot, constraints=replace(bot.constraints, timeout=timeout))


def passed(ran: Outcome) -> dict[str, Any]:
    """The payload of `test.completed`, which must keep the contract."""
    return _only(ran, "test.completed")


def failed(ran: Outcome) -> dict[str, Any]:
    """The payload of `test.failed`, which must keep the contract."""
    return _only(ran, "test.failed")


def reasons(payload: dict[str, Any]) -> dict[str, str]:
    """What did not pass, and why."""
    return {one["id"]: one["message"] for one in payload["failures"]}


def _only(ran: Outcome, event: str) -> dict[str, Any]:
    said = [one.type for one in ran.judged if isinstance(one, Emitted)]
    assert said == ["test.started", event], (ran.judged, ran.report, ran.log)
    assert (ran.report.status, ran.codes) == (0, []), (ran.judged, ran.log)
    return ran.payload(event)
