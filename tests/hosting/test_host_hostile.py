"""A job or a release that was taken over: what it can do to the host and to others is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting_shop import hosting

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox


async def test_releases_that_nobody_promotes_fill_no_disk(tmp_path: Path, hosting_sandbox: Sandbox):
    async with hosting(tmp_path, hosting_sandbox) as host:
        good = [await host.deploy("staging", version=f"v{number}") for number in (1, 2, 3)]
        for number in range(4, 13):
            await host.release("staging", version=f"v{number}")
        folder = host.state / "hosting" / "staging" / "shop" / "releases"
        there = {path.name for path in folder.iterdir()}
        assert set(good) <= there
        assert len(there) <= 3 + 5 + 1
