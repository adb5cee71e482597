"""What the journal of a release keeps, and what it leaves out."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.adapters.executor.output import Secrets
from lotabots.adapters.hosting import journal as journals
from lotabots.adapters.hosting.journal import BUFFER, FILE, FILES, LINE, RELEASES, Journals
from lotabots.adapters.hosting.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from lotabots.adapters.hosting.journal import Journal

AT = datetime(2026, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)
STAMP = "2026-01-02T03:04:05.006Z"
RELEASE = "1-abababababab"
SECRET = "correct horse battery staple"  # noqa: S105 - of nothing


class StandingClock:
    """It is always the same time."""

    def now(self) -> datetime:
        return AT

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError(seconds)


def kept(home: Path, scene: Callable[[Journals], Awaitable[None]]) -> None:
    """Play a scene; what it wrote is on disk then."""

    async def play() -> None:
        secrets = Secrets({"shop": SECRET})
        async with Journals(home, clock=StandingClock(), secrets=secrets) as made:
            await scene(made)

    asyncio.run(play())


def wrote(home: Path, *chunks: bytes, release: str = RELEASE) -> None:
    """One instance that writes `chunks` and ends."""

    async def scene(made: Journals) -> None:
        pen = made.journal("shop", "production", release).pen(4711)
        for chunk in chunks:
            pen.feed(chunk)
        pen.end()

    kept(home, scene)


def texts(home: Path, release: str = RELEASE) -> list[str]:
    """The lines of a release, without time and port."""
    found = Playback(home / "shop/production", release=release).last(10**6)
    return [one.text.removeprefix(f"{STAMP} 4711 ") for one in found]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_lines_come_whole_however_they_were_cut(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
):
    home = tmp_path_factory.mktemp("logs")
    wrote(home, *chunks)
    whole = b"".join(chunks)
    lines = whole.removesuffix(b"\n").split(b"\n") if whole else []
    assert texts(home) == [line.decode(errors="replace") for line in lines]


def test_a_line_has_the_time_and_the_port_and_is_for_the_owner_only(tmp_path: Path):
    wrote(tmp_path, b"one\ntwo")
    (file,) = (tmp_path / "shop/production").iterdir()
    assert file.name == f"{RELEASE}.log"
    assert file.read_text() == f"{STAMP} 4711 one\n{STAMP} 4711 two\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_instances_and_streams_do_not_mix_within_a_line(tmp_path: Path):
    async def scene(made: Journals) -> None:
        release = made.journal("shop", "production", RELEASE)
        first, second = release.pen(4711), release.pen(4711)
        first.feed(b"on")
        second.feed(b"two\nthr")
        first.feed(b"e\n")
        second.feed(b"ee\n")

    kept(tmp_path, scene)
    assert texts(tmp_path) == ["two", "one", "three"]


def test_what_was_written_before_stays_after_a_restart(tmp_path: Path):
    wrote(tmp_path, b"one\n")
    wrote(tmp_path, b"two\n")
    assert texts(tmp_path) == ["one", "two"]


def test_half_a_line_that_a_kill_left_stays_a_line_of_its_own(tmp_path: Path):
    wrote(tmp_path, b"one\n")
    with (tmp_path / "shop/production" / f"{RELEASE}.log").open("ab") as file:
        file.write(f"{STAMP} 4711 tw".encode())
    wrote(tmp_path, b"three\n")
    assert texts(tmp_path) == ["one", "tw", "three"]


@pytest.mark.parametrize("cut", [0, 1, 7, len(SECRET)])
def test_secrets_are_masked_wherever_the_pieces_end(tmp_path: Path, cut: int):
    line = f"password {SECRET}!\n".encode()
    wrote(tmp_path, line[: 9 + cut], line[9 + cut :])
    assert texts(tmp_path) == ["password <secret shop>!"]


@given(st.integers(-2 * len(SECRET), len(SECRET)))
def test_a_secret_at_the_cut_of_a_long_line_is_masked(
    tmp_path_factory: pytest.TempPathFactory, offset: int
):
    home = tmp_path_factory.mktemp("logs")
    wrote(home, b"x" * (LINE + offset) + SECRET.encode() + b"y" * 1000 + b"\nnext\n")
    long, following = texts(home)
    assert not any(SECRET[:length] in long for length in range(4, len(SECRET)))
    assert long.endswith(" [cut]")
    assert len(long) == LINE + len(" [cut]")
    assert following == "next"


@pytest.mark.parametrize("before", range(len(SECRET)))
def test_masks_that_are_shorter_than_secrets_let_no_half_of_one_slip_in(
    tmp_path: Path, before: int
):
    wrote(tmp_path, b"x" * before + SECRET.encode() * 1000 + b"\n")
    (long,) = texts(tmp_path)
    rest = long.removeprefix("x" * before).replace("<secret shop>", "").removesuffix(" [cut]")
    assert rest == ""


def numbers(lines: Iterable[str]) -> list[int]:
    return [int(line) for line in lines if line.isdigit()]


def left_out(lines: Iterable[str]) -> int:
    return sum(int(found[1]) for line in lines if (found := re.search(r"- \[(\d+) lines", line)))


def test_a_program_that_writes_without_end_fills_no_memory_and_loses_no_line_silently(
    tmp_path: Path,
):
    total = 200_000
    text = b"".join(b"%d\n" % number for number in range(total))
    wrote(tmp_path, *(text[at : at + 65_536] for at in range(0, len(text), 65_536)))
    lines = texts(tmp_path)
    assert len(numbers(lines)) + left_out(lines) == total
    assert left_out(lines) > total / 2
    size = sum(file.stat().st_size for file in (tmp_path / "shop/production").iterdir())
    assert size < BUFFER + 2 * LINE


def test_a_line_without_end_fills_no_memory(tmp_path: Path):
    async def scene(made: Journals) -> None:
        pen = made.journal("shop", "production", RELEASE).pen(4711)
        for _ in range(1_000):
            pen.feed(b"x" * 65_536)
        assert len(pen._pending) < 2 * LINE
        pen.feed(b"\nnext\n")

    kept(tmp_path, scene)
    assert texts(tmp_path) == ["x" * LINE + " [cut]", "next"]


def test_files_are_rotated_and_bounded_and_read_in_order(tmp_path: Path):
    count = 0

    async def scene(made: Journals) -> None:
        nonlocal count
        release = made.journal("shop", "production", RELEASE)
        pen = release.pen(4711)
        for _ in range((FILES + 2) * FILE // BUFFER):
            while not release.is_full():
                pen.feed(b"%d\n%s\n" % (count, b"x" * 1_000))
                count += 1
            await release.write()

    kept(tmp_path, scene)
    files = list((tmp_path / "shop/production").iterdir())
    assert len(files) == FILES
    assert all(file.stat().st_size <= FILE for file in files)
    found = numbers(texts(tmp_path))
    assert found[-1] == count - 1
    assert all(later == before + 1 for before, later in pairwise(found))


def test_only_the_files_of_the_last_releases_stay(tmp_path: Path):
    for number in range(RELEASES + 3):
        wrote(tmp_path, b"line\n", release=f"{number}-ab")
        file = tmp_path / "shop/production" / f"{number}-ab.log"
        assert file.exists()
        os.utime(file, (number, number))
    found = {file.name for file in (tmp_path / "shop/production").iterdir()}
    assert found == {f"{number}-ab.log" for number in range(3, RELEASES + 3)}


def test_what_a_full_disk_does_not_take_is_counted_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    append, full = journals._Files.append, [True, True, False]

    def maybe(files: journals._Files, secrets: Secrets, lines: list[bytes]) -> None:
        if full.pop(0):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(files, secrets, lines)

    monkeypatch.setattr(journals._Files, "append", maybe)

    async def scene(made: Journals) -> None:
        release: Journal = made.journal("shop", "production", RELEASE)
        for line in (b"one\n", b"two\nthree\n", b"four\n"):
            release.pen(4711).feed(line)
            await release.write()

    kept(tmp_path, scene)
    assert texts(tmp_path) == ["four", f"{STAMP} - [3 lines left out]"]
    assert [record.message for record in caplog.records] == ["journal.failed"]


def test_a_playback_goes_on_through_rotations_and_with_new_releases(tmp_path: Path):
    wrote(tmp_path, b"one\ntwo\nthree\n")
    playback = Playback(tmp_path / "shop/production")
    assert [one.text[-5:] for one in playback.last(2)] == ["1 two", "three"]
    assert playback.more() == []
    folder = tmp_path / "shop/production"
    wrote(tmp_path, b"four\n")
    (folder / f"{RELEASE}.log").rename(folder / f"{RELEASE}.1.log")
    wrote(tmp_path, b"five\n")
    wrote(tmp_path, b"six\n", release="2-ab")
    found = playback.more()
    assert [(one.release, one.text.split()[-1]) for one in found] == [
        (RELEASE, "four"),
        (RELEASE, "five"),
        ("2-ab", "six"),
    ]
    with (folder / f"{RELEASE}.log").open("ab") as file:
        file.write(f"{STAMP} 4711 se".encode())
        file.flush()
        assert playback.more() == []
        file.write(b"ven\n")
    assert [one.text for one in playback.more()] == [f"{STAMP} 4711 seven"]


def test_where_nothing_was_written_there_is_nothing_to_read(tmp_path: Path):
    assert Playback(tmp_path / "nowhere").last(5) == []
