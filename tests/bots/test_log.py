"""LogBot under its own rules, in the real sandbox, over real files."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from bots.logs import BOT, NOW, Archive, program, stamp
from hosting_shop import hosting, shop

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop
    from lotabots.adapters.executor.executor import Sandbox

SHOP = "shop/production/1-abc.log"
SECRET = "hunter2hunter2"  # noqa: S105 - what must not be found
TALKS = "print('ERROR no carts left'); sys.stderr.write('password=hunter2hunter2\\n')"

LATE = 60 * 24 * 365 * 50
"""Minutes: whenever this is run, the host wrote before."""


COUNTED = {
    '"cart 17"': 2, '"17 cart"': 0, "cart -lost": 3, "CAR*": 4, "level:critical": 1,
    "since:7m until:2m": 4, "-service:shop": 2, "level>=warning -cart*": 2,
    "until:2026-01-02T03:02": 1, 'instance:"4712" ERROR': 1,
}  # fmt: skip


HOME = "/".join(("", "home", "ann"))  # noqa: FLY002 - written out it would be a place of one machine


@pytest.fixture
def archive(workshop: Workshop) -> Archive:
    return Archive.of(workshop)


def test_lines_are_indexed_once_and_found(archive: Archive):
    archive.write(
        SHOP,
        f"{stamp(-9)} 4711 INFO cart 17 is open",
        f"{stamp(-8)} 4712 ERROR cart 17 is lost, token={SECRET}",
        f"{stamp(-7)} 4712 Traceback (most recent call last):",
        f'{stamp(-6)} 4711 {{"level": "warn", "msg": "cart 18 is slow", "at": "{HOME}/x"}}',
    )
    archive.write("system/auth.log", "Jan  2 03:05:00 host sshd[42]: Failed password for ann")
    archive.write("messages", "<26>1 2026-01-02T03:06:00Z host cron 1 - - out of memory")
    (said,) = archive.said("index")
    assert (said["checked"], archive.said("index", minutes=1)) == (6, [])
    about = json.loads(archive.file(said, "log-index.json"))
    assert about["segments"] == [
        {"number": 1, "lines": 6, "digest": said["segment"], "previous": "sha256:" + "0" * 64}
    ]
    archive.write(SHOP, f"{stamp(-1)} 4711 INFO cart 19 is open")
    (more,) = archive.said("index", minutes=5)
    assert more["checked"] == 1
    (found,) = archive.search("cart level>=error")["hits"]
    assert found == {
        "at": "2026-01-02T03:02:00.000+00:00",
        "level": "error",
        "service": "shop",
        "environment": "production",
        "file": SHOP,
        "instance": "4712",
        "text": "ERROR cart 17 is lost, token=<masked>",
    }
    assert archive.texts("service:shop instance:4711") == [
        "INFO cart 17 is open", 'cart 18 is slow {"at": "<home>/x"}', "INFO cart 19 is open",
    ]  # fmt: skip
    found = [archive.search(one)["total"] for one in COUNTED]
    assert dict(zip(COUNTED, found, strict=True)) == COUNTED
    assert SECRET.encode() not in archive.index.read_bytes()
    result = archive.search("cart", limit=1)
    assert (result["total"], len(result["hits"]), result["checked"]) == (4, 1, 7)
    assert result["hours"] == [{"hour": "2026-01-02T03:00+00:00", "lines": 4}]
    assert result["segment"] == more["segment"]


def test_what_the_host_writes_is_searched_by_service_release_and_instance(
    archive: Archive, tmp_path: Path, hosting_sandbox: Sandbox
):
    async def host() -> str:
        service = shop("staging", least=2, most=2)
        async with hosting(tmp_path / "h", hosting_sandbox, (service,)) as running:
            return await running.deploy("staging", start=TALKS)

    release = asyncio.run(host())
    logs = tmp_path / "h/.lotabots/logs"
    logs.chmod(0o700)  # as the service makes it
    archive.workshop.places["logs"] = logs
    (said,) = archive.said("index", minutes=LATE)
    query = f'service:shop environment:staging file:"shop/staging/{release}.log" level:error carts'
    found = archive.search(query, minutes=LATE)
    assert {one["text"] for one in found["hits"]} == {"ERROR no carts left"}
    assert len({one["instance"] for one in found["hits"]}) == len(found["hits"]) == 2
    assert said["checked"] == found["checked"] >= 4
    assert SECRET.encode() not in archive.index.read_bytes()


def test_what_is_no_text_is_left_out_and_giant_lines_are_cut(archive: Archive):
    archive.write("a.log", "one", "x" * 200_000, "two")
    (archive.logs / "wtmp").write_bytes(b"\0\1\2" * 100)
    archive.write("a.log.1.gz", "packed")
    (archive.logs / "link.log").symlink_to(archive.write("deep/er/b.log", "three"))
    os.mkfifo(archive.logs / "pipe.log")
    (archive.logs / "bytes.log").write_bytes(b"\xff\xfe bad \x1b[31mred\x1b[0m\r\n")
    odd = archive.write("shop/odd.log", '{"msg": "half \\ud800 a letter"}', "no end")
    odd.write_text(odd.read_text() + "!")
    closed = archive.logs / "closed"
    closed.mkdir(mode=0)
    (said,) = archive.said("index")
    closed.chmod(0o700)
    assert "cannot be read: " in archive.ran[-1].log
    texts = [text for (text,) in archive.rows("SELECT text FROM line ORDER BY file, id")]
    cut = "x" * program().index.LINE + " [cut]"
    assert texts == [
        "one", cut, "two", "\ufffd\ufffd bad red", "three", "half ? a letter", "no end"
    ]  # fmt: skip
    assert said["checked"] == 7
    os.utime(archive.logs / "shop/odd.log", (0, 0))
    assert [one["checked"] for one in archive.said("index")] == [1]
    assert archive.texts("service:shop")[-1] == "!"


TAMPERED = {
    "a text": ["UPDATE line SET text = 'all is well' WHERE id = 2"],
    "a level": ["UPDATE line SET level = 1 WHERE id = 1"],
    "a line is gone": ["DELETE FROM line WHERE id = 3"],
    "a line too many": [
        "INSERT INTO line VALUES (99, 1, 1, 'shop', 'production', 'a.log', '', 'x')"
    ],
    "a segment is gone": ["DELETE FROM line WHERE id <= 3", "DELETE FROM segment WHERE number = 1"],
    "a word": [
        "INSERT INTO words (words, rowid, text) SELECT 'delete', id, text FROM line LIMIT 1"
    ],
    "a place": ["UPDATE cursor SET place = 0"],
    "a count": ["DELETE FROM hour"],
    "a template": ["UPDATE template SET words = '[]'"],
    "the seal": ["DELETE FROM seal"],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON line BEGIN DELETE FROM line; END"],
    "a version": ["PRAGMA user_version = 9"],
}  # fmt: skip


def test_an_index_that_was_changed_is_noticed_and_left_as_it_is(archive: Archive):
    archive.write(SHOP, *(f"{stamp(-9)} 4711 ERROR number {number}" for number in range(3)))
    archive.said("index")
    archive.write(SHOP, f"{stamp(-8)} 4711 ERROR number 3")
    archive.said("index")
    good = archive.index.read_bytes()
    asked = {"search": "s", "query": "number", "limit": 9}
    for place, (what, statements) in enumerate(TAMPERED.items()):
        archive.index.write_bytes(good)
        archive.tamper(*statements)
        changed = sha256(archive.index.read_bytes()).digest()
        action = ("index", "search", "find-insights")[place % 3]
        ran = archive.run(action, asked if action == "search" else {})
        assert (what, ran.report.status, ran.lines) == (what, 1, [])
        assert "index.db" in ran.log
        assert sha256(archive.index.read_bytes()).digest() == changed, what
    archive.index.write_bytes(good[:5000] + b"x" * 4000 + good[9000:])
    assert archive.run("search", asked).report.status in {1, 75}
    archive.index.write_bytes(good)
    assert len(archive.texts("number")) == 4


def test_jobs_with_nothing_to_look_at_fail_instead_of_saying_that_all_is_well(archive: Archive):
    archive.said("index", status=1)
    assert "no files of text in the place `logs`" in archive.ran[-1].log
    asked = {"search": "s", "query": "x", "limit": 9}
    for path in archive.index.parent.iterdir():
        path.unlink()
    for action in ("search", "find-insights"):
        ran = archive.run(action, asked)
        assert (ran.report.status, ran.lines) == (1, [])
        assert "there is no index yet" in ran.log
    archive.write("empty.log")
    archive.said("index")
    assert "no line was indexed yet" in archive.run("search", asked).log
    archive.said("find-insights", status=1, minutes=120)
    assert "the hour that is over was not indexed yet" in archive.ran[-1].log
    ran = archive.run("search", {**asked, "query": "level:loud"})
    assert (ran.report.status, ran.lines) == (1, [])
    assert "there is no level `loud`" in ran.log


def test_new_and_suddenly_frequent_lines_are_insights_and_always_the_same(archive: Archive):
    for hour in range(-40, 1):
        begin, lines = 60 * hour - 11, [f"{stamp(60 * hour - 11)} 1 INFO request of user{hour}"] * 9
        many = 60 if hour == 0 else 2
        lines += [f"{stamp(begin)} 1 WARNING slow answer {n} ms" for n in range(many)]
        archive.write(SHOP, *lines)
    archive.write(
        SHOP, f"{stamp(-12)} 1 CRITICAL disk 7 is gone", f"{stamp(-12)} 1 INFO hello there"
    )
    archive.said("index")
    first = archive.run("find-insights")
    found = archive.said("find-insights")
    assert found == [
        {
            "service": "shop",
            "environment": "production",
            "template": "CRITICAL disk <*> is gone",
            "occurrences": 1,
            "baseline": 0.0,
            "severity": "critical",
            "fingerprint": found[0]["fingerprint"],
        },
        {
            "service": "shop",
            "environment": "production",
            "template": "WARNING slow answer <*> ms",
            "occurrences": 60,
            "baseline": 2.0,
            "severity": "medium",
            "fingerprint": found[1]["fingerprint"],
        },
    ]
    assert archive.ran[-1].lines == first.lines
    archive.said("index", minutes=60)
    assert archive.said("find-insights", minutes=60) == []


def test_a_flood_of_new_kinds_is_bounded(archive: Archive):
    archive.write(SHOP, f"{stamp(-3000)} 1 INFO begin")
    kinds = [
        f"{stamp(-11)} 1 ERROR {'x' * number} {'y' * number} {'z' * number}"
        for number in range(1, 60)
    ]
    archive.write(SHOP, *kinds)
    archive.said("index")
    assert len(archive.said("find-insights")) == program().insights.MAX_INSIGHTS


def test_the_oldest_lines_go_and_the_rest_stays_provable(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    log = program()
    monkeypatch.setattr(log.store, "MAX_LINES", 6)
    folder = archive.workshop.folder / "kept"
    folder.mkdir()

    def index(number: int, at: float) -> list[str]:
        archive.write(SHOP, *(f"{stamp(-9)} 1 word{number} {one}" for one in range(3)))
        now = NOW + timedelta(days=at)
        task = log.task.Task(f"k{number}", now, {}, folder, archive.logs, 60.0)
        (said,) = log.index.index(task)
        assert said.payload["checked"] == 3
        with log.store.reading(folder) as store:
            return [text for (text,) in store.query("SELECT text FROM line ORDER BY id", ())]

    assert len(index(1, 0)) == 3
    assert len(index(2, 0)) == 6
    assert {one[:5] for one in index(3, 1)} == {"word2", "word3"}
    assert {one[:5] for one in index(4, 40)} == {"word4"}
    query = "SELECT count(*) FROM words WHERE words MATCH ?"
    with log.store.reading(folder) as store:
        assert [store.query(query, [f"word{n}"])[0][0] for n in (1, 2, 3, 4)] == [0, 0, 0, 3]
        assert store.segments()[0].previous != log.store.START


KILLED = """
import json, os, pathlib, signal, sqlite3, sys, time
bot, place = sys.argv[1:]
sys.path.insert(0, bot)
from datetime import UTC, datetime
import index, store
from task import Task
place = pathlib.Path(place)
real = sqlite3.connect
class Cut(sqlite3.Connection):
    def step(self):
        global count
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
    def execute(self, *arguments):
        if not arguments[0].startswith(("SELECT", "PRAGMA")):
            self.step()
        return super().execute(*arguments)
    def executemany(self, *arguments):
        self.step()
        return super().executemany(*arguments)
sqlite3.connect = lambda *arguments, **named: real(*arguments, factory=Cut, **named)
index.BATCH = 3
def run(state, cut_at):
    global count, limit
    count, limit = 0, cut_at
    child = os.fork()
    if not child:
        work = Task("k", datetime(2026, 1, 2, 3, 10, tzinfo=UTC), {}, state, place / "logs", 60.0)
        said = list(index.index(work))
        told = json.dumps([one.payload["checked"] for one in said])
        (state / "said").write_text(told)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
killed = 0
for cut_at in range(1, 200):
    state = place / f"state{cut_at}"
    state.mkdir()
    status = run(state, cut_at)
    if status == 0:
        break
    assert status == -signal.SIGKILL, status
    killed += 1
    assert run(state, 0) == 0
    said = json.loads((state / "said").read_text())
    with store.reading(state) as kept:
        texts = [text for (text,) in kept.query("SELECT text FROM line ORDER BY text", ())]
        found = kept.query("SELECT count(*) FROM words WHERE words MATCH ?", ["line"])
    assert texts == [f"line {n}" for n in range(8)], (cut_at, texts)
    assert (said, found) == ([8], [(8,)]), (cut_at, said, found)
print(killed)
"""


def test_killed_at_any_statement_no_line_is_lost_or_indexed_twice(tmp_path: Path):
    """`kill -9` before each statement that writes, in turn; the next attempt says all of it."""
    for name, lines in (("a", (0, 1, 2, 3)), ("b", (4, 5)), ("c", (6, 7))):
        (tmp_path / "logs" / name).mkdir(parents=True)
        text = "".join(f"line {one}\n" for one in lines)
        (tmp_path / "logs" / name / "x.log").write_text(text)
    words = [sys.executable, "-I", "-S", "-B", "-c", KILLED, str(BOT), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert int(done.stdout) > 25


def test_one_run_at_a_time_writes(archive: Archive):
    log = program()
    archive.write(SHOP, f"{stamp()} 1 x")
    archive.said("index")
    with log.store.writing(archive.index.parent):
        archive.said("index", status=75)
        assert archive.texts("x") == ["x"]
