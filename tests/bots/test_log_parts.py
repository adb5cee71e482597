"""What the parts of LogBot promise, whatever they are given."""

from __future__ import annotations

import math
import os
import random
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.logs import NOW, program

log = program()
LEVELS = log.lines.LEVELS
HOUR = 1_000


@pytest.mark.parametrize(("line", "at", "level", "text"), [
    ("2026-01-02T03:04:05.678Z ERROR it broke", "03:04:05.678", "error", "ERROR it broke"),
    ("2026-01-02 03:04:05,678 - app - WARNING - low", "03:04:05.678", "warning",
     "- app - WARNING - low"),
    ("[2026-01-02T05:04:05+02:00] [warn] slow", "03:04:05", "warning", "[warn] slow"),
    ("<34>1 2026-01-02T03:04:05.003Z host su 123 ID47 - failed", "03:04:05.003", "critical",
     "host su 123 ID47 - failed"),
    ("Jan  2 03:04:05 host sshd[42]: Failed password for ann", "03:04:05", "",
     "sshd[42]: Failed password for ann"),
    ("<11>Jan  2 03:04:05 host cron: no", "03:04:05", "error", "cron: no"),
    ('{"time": "2026-01-02T03:04:05Z", "level": "warn", "msg": "low", "left": 3}', "03:04:05",
     "warning", 'low {"left": 3}'),
    ('{"ts": 1767323045.5, "severity": "CRITICAL", "message": "gone"}', "03:04:05.500",
     "critical", "gone"),
    ('{"ts": 1767323045500, "msg": "in milliseconds"}', "03:04:05.500", "", "in milliseconds"),
    ("level=error msg=lost", None, "error", "level=error msg=lost"),
    ("Traceback (most recent call last):", None, "error", "Traceback (most recent call last):"),
    ('127.0.0.1 - - "GET / HTTP/1.1" 503 -', None, "error",
     '127.0.0.1 - - "GET / HTTP/1.1" 503 -'),
    ("no error was found", None, "", "no error was found"),
    ("2026-13-02T03:04:05Z no such month", None, "", "no such month"),
    ("2027-01-02T03:04:05Z not yet", None, "", "not yet"),
    ("{not json", None, "", "{not json"),
])  # fmt: skip
def test_times_and_levels_are_read_as_programs_write_them(
    line: str, at: str | None, level: str, text: str
):
    found = log.lines.read(line, NOW)
    wanted = None if at is None else datetime.fromisoformat(f"2026-01-02T{at}Z")
    assert found.at == (wanted and log.lines.milliseconds(wanted))
    assert (LEVELS[found.level], found.text) == (level, text)


def test_a_line_of_syslog_is_of_the_last_year_in_which_it_can_have_been_written():
    dates = {"Dec 31 23:59:59": 2025, "Jan  3 00:00:00": 2026, "Feb 29 00:00:00": None}
    for text, year in dates.items():
        found = log.lines.read(f"{text} host x: y", NOW).at
        assert (found and datetime.fromtimestamp(found / 1000, UTC).year) == year


@given(st.one_of(st.text(), st.from_regex(r'\A\{"(ts|time|level|msg)": .{0,30}\}\Z')))
@example('{"ts": 1e400, "msg": "x"}')
@example('{"ts": NaN}')
@example('{"time": "9999-12-31T23:59:59-12:00", "msg": "\\ud800"}')
def test_any_line_can_be_read(line: str):
    found = log.lines.read(line, NOW, hosted=True)
    assert found.at is None or 0 <= found.at <= log.lines.milliseconds(NOW) + 86_400_000
    assert 0 <= found.level < len(LEVELS)
    entries: list[Any] = []
    cursor = log.reader.Cursor(1, "shop/production/1-a.log")
    log.index.take(cursor, [line.encode(errors="replace")], NOW, entries,
                   neutral=log.neutral.Neutral({}))  # fmt: skip
    assert len(entries) == bool(line.encode(errors="replace").decode().strip())
    assert all(one.text.encode().decode() == one.text for one in entries)


def test_a_private_key_is_masked_over_all_its_lines_also_from_run_to_run():
    key = [b"-----BEGIN RSA PRIVATE KEY-----", b"secretsecret", b"x", b"-----END RSA PRIVATE KEY--"]
    raw = [b"a", *key, b"b"]
    for place in range(len(raw) + 1):
        found: list[Any] = []
        cursor = log.reader.Cursor(1, "a.log")
        for part in (raw[:place], raw[place:]):
            cursor = log.index.take(cursor, part, NOW, found, neutral=log.neutral.Neutral({}))
        assert [one.text for one in found] == ["a", *["<private key>"] * 4, "b"]


@given(st.lists(st.binary(max_size=20).map(lambda one: one.replace(b"\n", b""))), st.data())
def test_lines_are_whole_wherever_they_are_cut(lines: list[bytes], data: st.DataObject):
    whole = b"".join(one + b"\n" for one in lines)
    found: list[bytes] = []
    place = end = 0
    while end < len(whole):
        end = data.draw(st.integers(end + 1, len(whole)))
        got, taken, skipping = log.reader.cut(whole[place:end], skipping=False)
        assert not skipping
        found += got
        place += taken
    assert found == [one.removesuffix(b"\r") for one in lines]


@pytest.mark.parametrize("place", [*range(3_900, 4_200, 9), *range(10_150, 10_300, 7), 20_000])
def test_no_half_of_a_secret_is_left_of_a_line_that_is_cut(place: int):
    secret = b"ghp_" + b"k" * 36
    line = b"token=" + b"x" * 500 + b" " + b"y " * (place // 2) + secret + b" z" * 3_000
    (raw,), *_ = log.reader.cut(line + b"\n", skipping=False)
    found: list[Any] = []
    cursor = log.reader.Cursor(1, "a.log")
    log.index.take(cursor, [raw], NOW, found, neutral=log.neutral.Neutral({}))
    assert "kk" not in found[0].text
    assert found[0].text.endswith(" [cut]")
    assert 3_000 < len(found[0].text) <= log.index.LINE + 6


def test_a_giant_line_is_one_short_line():
    most = log.reader.LONGEST
    got, taken, skipping = log.reader.cut(b"a\n" + b"x" * most, skipping=False)
    assert ([len(one) for one in got], taken, skipping) == (
        [1, log.reader.KEPT],
        most + 2,
        True,
    )
    assert log.reader.cut(b"x" * 100, skipping=True) == ([], 100, True)
    assert log.reader.cut(b"xx\nb\nc", skipping=True) == ([b"b"], 5, False)


class Folder:
    """A log and its older parts, a reader that may be cut off, and what it was to read."""

    def __init__(self, path: Path) -> None:
        self.path, self.log = path, path / "app.log"
        self.written: list[bytes] = []
        self.read: list[bytes] = []
        self.cursors: dict[int, Any] = {}

    def write(self, number: int) -> None:
        with self.log.open("ab") as file:
            for _ in range(number):
                line = b"%d" % len(self.written)
                self.written.append(line)
                file.write(line + b"\n")

    def shift(self) -> None:
        """Make room for the next older part."""
        parts = sorted(self.path.glob("app.log.*"), key=lambda one: -int(one.suffix[1:]))
        for one in parts:
            one.rename(one.with_suffix(f".{int(one.suffix[1:]) + 1}"))

    def rename(self) -> None:
        self.shift()
        if self.log.exists():
            self.log.rename(self.path / "app.log.1")

    def copy_and_cut(self) -> None:
        self.shift()
        if self.log.exists():
            shutil.copyfile(self.log, self.path / "app.log.1")
            os.truncate(self.log, 0)

    def look(self, *, saved: bool = True) -> None:
        reader, found, cursors = log.reader, [], dict(self.cursors)
        for one in reader.place(self.path, reader.look(self.path)[0], self.cursors.values()):
            chunk = reader.read(self.path, one, 0.0)
            found += chunk.lines
            cursors[chunk.cursor.inode] = chunk.cursor
        if saved:
            self.cursors, self.read = cursors, self.read + found

    def empty(self) -> None:
        """Cut off what was read, without a copy."""
        self.look()
        if self.log.exists():
            os.truncate(self.log, 0)

    def forget(self) -> None:
        """Remove the oldest part, once it was read; its inode may come again."""
        self.look()
        for one in sorted(self.path.glob("app.log.*"))[-1:]:
            one.unlink()


STEPS = st.sampled_from(["write", "write", "rename", "copy", "look", "cut off", "empty", "forget"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(1, 120)), max_size=14))
@example([("write", 90), ("look", 1), ("write", 9), ("copy", 1), ("write", 120), ("copy", 1)])
@example([("write", 1), ("empty", 1), ("rename", 1), ("write", 1), ("forget", 1), ("copy", 1)])
def test_no_line_is_lost_or_read_twice_however_logs_are_rotated(steps: list[tuple[str, int]]):
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        for step, number in steps:
            {
                "write": lambda number=number: folder.write(number),
                "rename": folder.rename,
                "copy": folder.copy_and_cut,
                "look": folder.look,
                "cut off": lambda: folder.look(saved=False),
                "empty": folder.empty,
                "forget": folder.forget,
            }[step]()
        folder.look()
        assert sorted(folder.read, key=int) == folder.written


@pytest.mark.parametrize(("name", "related"), [
    ("app.log.1", True), ("app.1.log", True), ("app.log-20260102", True), ("app.log.old", True),
    ("app-2026.01.02.log", True), ("app.log", False), ("app2.txt", False),
    ("app-worker.log", False), ("worker.log", False), ("other/app.log.1", False),
])  # fmt: skip
def test_only_an_older_part_of_a_log_can_be_its_copy(name: str, related: bool):
    assert log.reader._related("app.log", name) is related


words = st.sampled_from(
    ["a", '"a b"', '"', "-", "*", "NEAR(", "AND", "OR", "NOT", "text:", "service:", "level>=error",
     "since:1h", "until:x", "(", ")", "^", "+", "{", ";", "--", "' OR 1", "ä*", "\0",
     "-x", "since:99999999d", "since:9999d", "a:b", "é", "\u0661", "__proto__:", "1=1", "level=''",
     "level:"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(words).map(" ".join)))
def test_any_query_is_an_answer_or_a_mistake_and_never_more(text: str):
    connection = sqlite3.connect(":memory:")
    log.store._prepare(connection)
    try:
        where, values = log.query.parse(text, NOW).where()
    except log.failure.QueryError:
        return
    else:
        assert set(where) <= set("abcdefghijklmnopqrstuvwxyzADEHILMNORSTCWF ()?=<>1")
        query = f"SELECT count(*) FROM line WHERE {where}"  # noqa: S608 - that is the question
        assert connection.execute(query, values).fetchone() == (0,)
    finally:
        connection.close()


@pytest.mark.parametrize(("text", "said"), [
    ("", "the query is empty"),
    ("color:red", "there is no field `color`"),
    ("level:loud", "there is no level `loud`: debug, info"),
    ("service>a", "`service` is compared with `:` only"),
    ("since:tomorrow", "`tomorrow` is no time"),
    ('a "b', 'cannot be understood from here on: "b'),
    ("a ...", "there is no letter or digit in `...`"),
    ("a " * 33, "at most 32 terms"),
    ("a\0b", "no control characters"),
])  # fmt: skip
def test_a_mistake_in_a_query_is_named(text: str, said: str):
    with pytest.raises(log.failure.QueryError) as error:
        log.query.parse(text, NOW)
    assert said in str(error.value)


GROUP = log.templates.Group("shop", "production", 4)
texts = st.lists(
    st.sampled_from(["user", "ann", "bob", "failed", "ok", "17", "0x1f", '"q"', "10.0.0.1", "at"]),
    max_size=6,
).map(" ".join)


@given(st.lists(texts, max_size=40))
def test_a_line_keeps_its_template_and_no_two_templates_their_fingerprint(lines: list[str]):
    templates = log.templates.Templates()
    first = [templates.put(GROUP, one, HOUR) for one in lines]
    templates._found.clear()
    again = [templates.put(GROUP, one, HOUR) for one in lines]
    stored = list(templates.changed.values())
    assert len({one.fingerprint for one in stored}) == len(stored)
    restored = log.templates.Templates(stored)
    assert [restored.put(GROUP, one, HOUR) for one in lines] == again
    assert not restored.changed
    by_id = {one.id: one for one in stored}
    for text, number in zip(lines, first, strict=True):
        said = log.templates.words(text)
        assert all(a in ("<*>", b) for a, b in zip(by_id[number].words, said, strict=True))


def test_kinds_of_lines_are_told_apart_and_bounded():
    templates = log.templates.Templates()
    one, two, other = (
        templates.put(GROUP, text, HOUR)
        for text in ("lost cart 17 of ann", "lost cart 18 of bob", "no disk left on node 3")
    )
    assert one == two != other
    assert templates.changed[one].words == ("lost", "cart", "<*>", "of", "<*>")
    for number in range(600):
        templates.put(GROUP, f"w{'x' * number} alone", HOUR)
    assert len(templates.changed) == log.templates.MAX_TEMPLATES + 1
    assert templates.put(GROUP, "never seen before", HOUR) == max(templates.changed)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 30))
def test_chance_is_never_held_for_smaller_than_it_is(lines: int, before: int, hours: int):
    total, chance = lines + before, Fraction(1, hours + 1)
    exact = sum(
        math.comb(total, one) * chance**one * (1 - chance) ** (total - one)
        for one in range(lines, total + 1)
    )
    assert math.exp(-log.insights.surprise(lines, before, hours)) >= float(exact) * (1 - 1e-9)


def template(number: int, *, level: int = 4, first: int = 0) -> Any:  # noqa: ANN401
    group = log.templates.Group("shop", "production", level)
    return log.templates.Template(number, group, f"f{number}", ("x",), first, HOUR)


def test_steady_lines_are_no_insight_and_a_burst_is_one():
    draw = random.Random(1)  # noqa: S311 - the same each time
    counts = {
        number: {
            hour: sum(draw.random() < 0.25 for _ in range(40 * number))
            for hour in range(HOUR - 72, HOUR + 1)
        }
        for number in range(1, 21)
    }
    known = [template(one) for one in counts]
    for hour in range(HOUR - 36, HOUR + 1):
        begun = [one._replace(first=HOUR - 72) for one in known]
        assert log.insights.find(begun, counts, hour) == []
    counts[3][HOUR] *= 4
    (found,) = log.insights.find([one._replace(first=HOUR - 72) for one in known], counts, HOUR)
    assert (found.template.id, found.lines) == (3, counts[3][HOUR])
    assert 25 < found.usual < 35


@pytest.mark.parametrize(("level", "lines", "since", "found"), [
    (4, 1, 24, True), (3, 1, 24, True), (2, 9, 24, False), (2, 10, 24, True), (0, 10, 24, True),
    (5, 100, 23, False),
])  # fmt: skip
def test_a_new_kind_of_line_is_an_insight_if_it_is_serious_or_frequent(
    level: int, lines: int, since: int, found: bool
):
    old = template(1, level=2, first=HOUR - since)
    new = template(2, level=level, first=HOUR)
    got = log.insights.find([old, new], {1: {HOUR: 1}, 2: {HOUR: lines}}, HOUR)
    assert [(one.template.id, one.usual) for one in got] == ([(2, 0.0)] if found else [])
