"""Clients of a front without number get a part of the descriptors; the host keeps the rest."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

import pytest

from hosting_shop import hosting
from lotabots.adapters.hosting import host as host_module
from lotabots.adapters.hosting.descriptors import RESERVE, limits_of
from lotabots.adapters.hosting.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A limit of open files, soft and hard, that is only written down."""
    now = [1024, 1024]

    def change(_: int, new: tuple[int, int]) -> None:
        now[:] = new

    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(now))
    monkeypatch.setattr(resource, "setrlimit", change)
    return now


@pytest.mark.parametrize(
    ("hard", "fronts", "soft", "connections"),
    [
        (1024, 1, 1024, 256),
        (1024, 4, 1024, 64),
        (1024, 400, 1024, 16),
        (2000, 1, 2000, 744),
        (524_288, 1, RESERVE + 2048, 1024),
        (524_288, 8, RESERVE + 8 * 2048, 1024),
        (resource.RLIM_INFINITY, 2, RESERVE + 2 * 2048, 1024),
        (524_288, 0, 1024, 256),
    ],
)
def test_clients_get_what_the_limit_of_open_files_leaves(
    limits: list[int], hard: int, fronts: int, soft: int, connections: int
):
    limits[:] = 1024, hard
    assert limits_of(fronts) == Limits(connections=connections)
    assert limits == [soft, hard]


async def test_with_all_connections_taken_the_host_still_releases_and_promotes(
    tmp_path: Path, hosting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(host_module, "limits_of", lambda _: Limits(connections=20))
    async with hosting(tmp_path, hosting_sandbox) as host:
        address, port = host.hosted("staging").address
        idle = [await asyncio.open_connection(address, port) for _ in range(30)]
        assert await host.deploy("staging", version="v1")
        assert (await host.get("staging")).status == 503
        for _, writer in idle:
            writer.close()
