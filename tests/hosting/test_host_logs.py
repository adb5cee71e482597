"""What instances write is on disk, for operators and bots, whatever the instances do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from hosting_processes import workspace
from hosting_shop import Answer, hosting, shop, until
from lotabots.adapters.hosting.host import Plan
from lotabots.adapters.hosting.journal import BUFFER, FILE, FILES
from lotabots.adapters.hosting.playback import Playback

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox

TALKS = "print('on standard output'); sys.stderr.write('on standard error')"
FLOODS = (
    "threading.Thread(target=lambda: [os.write(2, b'x' * 60 + b'\\n') for _ in iter(int, 1)], "
    "daemon=True).start()"
)
OLD = "1-abababababab"


def playback(root: Path) -> Playback:
    return Playback(root / ".lotabots/logs/shop/staging")


async def test_both_streams_of_all_instances_are_on_disk_and_outlive_the_host(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    service = shop("staging", least=2, most=2)
    async with hosting(tmp_path, hosting_sandbox, (service,)) as host:
        first = await host.deploy("staging", version="v1", start=TALKS)
        second = await host.deploy("staging", version="v2", start=TALKS)
    found = [(one.release, one.text.split(" ", 2)) for one in playback(tmp_path).last(1000)]
    for release in (first, second):
        said = [words for name, words in found if name == release]
        ports = {port for _, port, text in said if text == "on standard output"}
        assert len(ports) == 2
        # It began no line of its own: what the program says next is on the same one.
        errors = {port for _, port, text in said if text.startswith('on standard error"GET ')}
        assert errors == ports
    async with hosting(tmp_path, hosting_sandbox, (service,)):
        pass
    again = playback(tmp_path).last(1000)
    assert [one.text for one in again][: len(found)] == [" ".join(words) for _, words in found]
    assert len(again) > len(found)


async def test_a_release_that_writes_without_end_is_cut_short_and_everything_goes_on(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    service = shop("staging")
    async with hosting(tmp_path, hosting_sandbox, (service,)) as host:
        await host.deploy("staging", version="v1", start=FLOODS)

        async def is_cut() -> bool:
            assert await host.get("staging") == Answer(200, "v1")
            return any("lines left out]" in one.text for one in playback(tmp_path).last(10_000))

        await until(is_cut, what="lines that are left out")
        assert (await host.status("staging"))["instances"] == 1
    sizes = [file.stat().st_size for file in (tmp_path / ".lotabots/logs/shop/staging").iterdir()]
    assert len(sizes) <= FILES
    assert max(sizes) <= FILE + BUFFER


def test_an_operator_follows_what_comes_and_sees_no_escapes(tmp_path: Path):
    root = workspace(tmp_path, Plan((shop("staging"),)))
    folder = root / ".lotabots/logs/shop/staging"
    folder.mkdir(parents=True)
    with (folder / f"{OLD}.log").open("a") as file:
        file.write("2026-01-02T03:04:05.006Z 4711 one\n2026-01-02T03:04:05.006Z 4711 two\n")
    command = [sys.executable, "-m", "lotabots", "logs", "shop", "-n1", "--follow", "-C", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == f"2026-01-02T03:04:05.006Z {OLD} 4711 two\n"
        with (folder / "2-ab.log").open("a") as file:
            file.write("2026-01-02T03:04:06.006Z 4712 \x1b[2Jthree\n")
        assert follower.stdout.readline() == "2026-01-02T03:04:06.006Z 2-ab 4712 \\x1b[2Jthree\n"
        os.kill(follower.pid, signal.SIGINT)
        assert follower.wait(timeout=60) == 130
