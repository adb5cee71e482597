"""A job in its sandbox: what goes in, what comes out, and what is left (nothing)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from executor.workshop import COMMIT, command_lines, commit, job

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

SAY = """
import json, sys, os, time
job = json.load(sys.stdin)
out = job["paths"]["out"]
def say(n, **payload):
    artifacts = payload.pop("artifacts", [])
    line = {"type": "work.done", "payload": {"n": n, **payload}, "artifacts": artifacts}
    os.write(1, json.dumps(line).encode() + b"\\n")
"""


def test_a_bot_reads_its_job_and_its_line_becomes_an_event(workshop: Workshop):
    script = SAY + "say(1, seen=json.dumps(job, sort_keys=True))"
    ran = workshop.run(workshop.probe(script), job({"a": 1}, attempt=2))
    seen = json.loads(ran.payload("work.done")["seen"])
    out = seen["paths"].pop("out")
    assert out.startswith(str(workshop.jobs / "job1-2-"))
    assert seen == {
        "version": 1,
        "job": "job1",
        "attempt": 2,
        "bot": "ProbeBot",
        "action": "work",
        "capability": "",
        "idempotency_key": "job1",
        "event": {
            "id": "event-1",
            "type": "work.asked",
            "source": "cli.ann",
            "timestamp": "2026-01-02T03:04:05Z",
            "payload": {"a": 1},
            "correlation_id": "correlation-1",
        },
        "paths": {"artifacts": {}, "toolbox": {}, "programs": {}, "places": {}, "relays": {}},
        "tools": {},
        "timeout_s": 60.0,
    }
    assert (ran.report.status, ran.report.level, ran.log) == (0, "strict", "")


def test_a_line_is_seen_while_the_bot_still_runs(workshop: Workshop):
    script = SAY + ("say(1)\nwhile not os.path.exists(out + '/go'): time.sleep(0.005)\nsay(2)\n")
    seen = []

    def look(line: bytes) -> None:
        seen.append(line)
        if len(seen) == 1:
            (folder,) = workshop.jobs.iterdir()
            (folder / "out/go").touch()

    ran = workshop.run(workshop.probe(script, timeout=30), job(), look=look)
    assert (len(seen), ran.report.status, ran.report.limit) == (2, 0, "")


def test_an_artifact_is_stored_by_its_digest(workshop: Workshop):
    script = SAY + (
        "open(out + '/r.txt', 'w').write('all well')\n"
        "say(1, artifacts=[{'path': 'r.txt', 'kind': 'report', 'media_type': 'text/plain'}])"
    )
    ran = workshop.run(workshop.probe(script), job())
    (artifact,) = ran.payload("work.done")["artifacts"]
    assert workshop.blobs.path(artifact.pop("digest")).read_text() == "all well"
    assert artifact == {
        "name": "r.txt", "kind": "report", "size": 8, "media_type": "text/plain",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"free text, as from a forgotten print", "LR401"),
        (b'{"type": "work.done", "payload": {"n": 1}, "source": "gate.release"}', "LR401"),
        (b"[" * 5000, "LR401"),
        (b'{"type": "work.done", "payload": {"n": 1, "seen": "\\ud800"}}', "LR401"),
        (b'"' + b"x" * 300_000, "LR401"),
        (b'{"type": "deploy.requested", "payload": {}}', "LR402"),
        (b'{"type": "work.done", "payload": {"n": "many"}}', "LR403"),
        (b'{"type": "work.done", "payload": {"n": 1, "approved_by": "ann"}}', "LR403"),
        (
            b'{"type": "work.done", "payload": {"n": 1, "outcome": "success", "checked": 0}}',
            "LR403",
        ),
        (
            b'{"type": "work.done", "payload": {}, "artifacts": [{"path": "x", "kind": "wheel"}]}',
            "LR404",
        ),
        *(
            (
                b'{"type": "work.done", "payload": {"n": 1}, '
                b'"artifacts": [{"path": "%s", "kind": "report"}]}' % path,
                "LR404",
            )
            for path in (b"missing", b"link", b"pipe", b"../out/plain", b"/etc/hostname", b"inner",
                         b"inner/link/passwd", b"a\\u0000b", b"")
        ),
    ],
)  # fmt: skip
def test_a_forged_line_is_refused_with_its_code(workshop: Workshop, line: bytes, code: str):
    script = f"""
import os, sys
os.chdir(__import__('json').load(sys.stdin)['paths']['out'])
os.symlink('/etc/hostname', 'link'); os.mkfifo('pipe'); os.mkdir('inner')
os.symlink('/etc', 'inner/link'); open('plain', 'w').close()
data = {line!r} + b'\\n'
while data: data = data[os.write(1, data):]
"""
    ran = workshop.run(workshop.probe(script), job())
    assert (ran.codes, len(ran.lines), ran.report.status) == ([code], 1, 0)


def test_the_log_keeps_what_the_bot_said_on_standard_error(workshop: Workshop):
    script = "import sys; sys.stderr.write('first\\n' + 'x\\n' * 500_000 + 'last\\n'); sys.exit(3)"
    ran = workshop.run(workshop.probe(script), job())
    assert ran.report.status == 3
    assert ran.log.startswith("first\n")
    assert ran.log.endswith("\nlast\n")
    assert "bytes left out]" in ran.log
    assert len(ran.log) < 300_000


FILL = """
import time
for n in range(99): open(f'{n}', 'wb').write(bytes(2**20))
time.sleep(60)
"""

FORK = """
import os, time
while True:
    try: os.fork()
    except OSError: time.sleep(60)
"""


@pytest.mark.parametrize(
    ("script", "grants", "limit"),
    [
        ("while True: pass", {"cpu": 1}, "cpu_s"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", {"output": 200_000},
         "output_bytes"),
        ("x = bytearray(200 * 2**20)\nwhile True: pass", {"memory": "64MiB"}, "memory_mb"),
        (FORK, {"processes": 8}, "processes"),
        (FILL, {"disk": "16MiB"}, "disk_mb"),
    ],
)  # fmt: skip
def test_a_limit_ends_the_run_and_is_named(
    workshop: Workshop, script: str, grants: dict[str, object], limit: str
):
    ran = workshop.run(workshop.probe(script, grants=grants), job())
    assert (ran.report.limit, ran.report.status) == (limit, 137)
    assert list(workshop.jobs.iterdir()) == []


def test_the_timeout_of_the_rules_ends_the_run(workshop: Workshop):
    ran = workshop.run(workshop.probe("import time; time.sleep(600)", timeout=1), job())
    assert ran.report.limit == "wall_s"


def test_a_signal_is_reported_as_128_and_its_number(workshop: Workshop):
    ran = workshop.run(workshop.probe("import os; os.kill(os.getpid(), 15)"), job())
    assert ran.report.status == 128 + 15


TREE = (
    SAY
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        program = "import time; time.sleep(99)"
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", program, "MARK"])
os.makedirs("a/b"); os.chmod("a", 0)
say(1)
while True: say(2)
"""
)


def test_a_cancelled_run_leaves_no_process_and_no_folder(workshop: Workshop):
    mark = f"mark-{workshop.folder.name}"
    executor = workshop.probe(TREE.replace("MARK", mark), grants={"output": "1GiB"})

    async def cancelled() -> None:
        came = asyncio.Event()
        run = asyncio.create_task(
            workshop.run_async(executor, job(), look=lambda _line: came.set())
        )
        await came.wait()
        run.cancel()
        await run

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert command_lines(mark) == []
    assert list(workshop.jobs.iterdir()) == []


def test_an_exception_of_the_reader_ends_the_run_and_is_raised(workshop: Workshop):
    mark = f"mark-{workshop.folder.name}"
    executor = workshop.probe(TREE.replace("MARK", mark))

    def look(_line: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workshop.run(executor, job(), look=look)
    assert command_lines(mark) == []
    assert list(workshop.jobs.iterdir()) == []


def test_many_runs_at_once_do_not_disturb_each_other(workshop: Workshop):
    executor = workshop.probe(SAY + "say(int(job['job']))")

    async def all_of_them() -> list[int]:
        runs = [workshop.run_async(executor, job(job=str(n))) for n in range(12)]
        return [ran.payload("work.done")["n"] for ran in await asyncio.gather(*runs)]

    assert asyncio.run(all_of_them()) == list(range(12))


def test_a_secret_reaches_the_bot_and_nothing_else(workshop: Workshop):
    value = 'p"4ss-wörd-\\9'
    script = SAY + (
        "value = os.environ['PROBE_KEY']\n"
        "print(value, file=sys.stderr); print(json.dumps(value), file=sys.stderr)\n"
        "say(len(value), seen=value)\n"
    )
    workshop.secrets = {"PROBE_KEY": value, "OTHER_KEY": "not granted"}
    executor = workshop.probe(script, grants={"secrets": ["PROBE_KEY"]})
    found: list[str] = []
    ran = workshop.run(executor, job(), look=lambda _line: found.extend(command_lines("4ss-w")))
    assert ran.payload("work.done") == {"n": len(value), "seen": "<secret PROBE_KEY>"}
    assert ran.log == '<secret PROBE_KEY>\n"<secret PROBE_KEY>"\n'
    assert found == []
    assert value not in str(ran.report)


def test_only_the_blobs_that_the_event_names_are_shown(workshop: Workshop):
    named, other = (workshop.blobs.put_bytes(data) for data in (b"named", b"other"))
    script = SAY + (
        "shown = job['paths']['artifacts']\n"
        "(path,) = shown.values()\n"
        f"hidden = path.rpartition('/')[0] + '/../{other.digest[7:9]}/{other.digest[9:]}'\n"
        "say(1, seen=open(path).read() + str(os.path.exists(hidden)))"
    )
    artifact = {"name": "x", "kind": "report", "digest": named.digest, "size": 5}
    executor = workshop.probe(script, grants={"read": ["{artifact}"]})
    ran = workshop.run(executor, job({"artifact": artifact}))
    assert ran.payload("work.done")["seen"] == "namedFalse"


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_blob_that_is_not_intact_is_refused(workshop: Workshop, fault: str):
    blob = workshop.blobs.put_bytes(b"named")
    path = workshop.blobs.path(blob.digest)
    path.unlink()
    expected = f"no blob {blob.digest}"
    if fault == "damaged":
        path.write_bytes(b"other")
        expected = f"blob {blob.digest} is damaged"
    artifact = {"name": "x", "kind": "report", "digest": blob.digest, "size": 5}
    executor = workshop.probe("", grants={"read": ["{artifacts}"]})
    ran = workshop.run(executor, job({"artifact": artifact}))
    assert ran.report.refused.startswith(expected)


def test_a_repository_is_read_only_and_must_be_configured(workshop: Workshop, tmp_path: Path):
    bare, _ = commit(tmp_path / "r", {"a": "x"})
    (bare / "HEAD").chmod(0o666)
    workshop.repositories = {"known": bare}
    script = SAY + (
        "try: open(job['paths']['repository'] + '/HEAD', 'a'); said = 'written'\n"
        "except OSError as error: said = error.strerror\n"
        "say(1, seen=said)"
    )
    executor = workshop.probe(script, grants={"read": ["{repository}"]})
    ran = workshop.run(executor, job({"repository": "known", "commit": COMMIT}))
    assert ran.payload("work.done")["seen"] == "Read-only file system"
    ran = workshop.run(executor, job({"repository": "../known"}))
    assert ran.report.refused == (
        "the event's repository (`../known`) is not configured; add it to `repositories`"
    )


def test_a_granted_relay_is_in_the_job_and_leads_where_the_host_says(workshop: Workshop):
    door = workshop.folder / "doors/door.sock"
    door.parent.mkdir(mode=0o700)
    workshop.relays = {"door": f"unix:{door}", "other": "localhost:1"}
    script = SAY + (
        "import socket\n"
        "host, port = job['paths']['relays']['door'].split(':')\n"
        "with socket.create_connection((host, int(port)), timeout=20) as peer:\n"
        "    said = peer.recv(100).decode()\n"
        "say(1, seen=said + str(job['paths']['relays']))"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(door))
        listener.listen()
        thread = threading.Thread(target=_greet, args=(listener,))
        thread.start()
        ran = workshop.run(workshop.probe(script, grants={"network": ["{relay:door}"]}), job())
        thread.join()
    assert ran.payload("work.done")["seen"] == "welcome {'door': 'door:80'}", ran.log
    (entry,) = [one for one in ran.report.entries if one["kind"] == "connect"]
    assert entry == {"kind": "connect", "target": "door:80", "result": "granted"}


def _greet(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"welcome ")
