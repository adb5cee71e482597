"""The way back by hand that docs/hosting.md shows, as it stands there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting_shop import hosting, shop

if TYPE_CHECKING:
    from lotabots.adapters.executor.executor import Sandbox

PAGE = Path(__file__).resolve().parents[2] / "docs/hosting.md"


def lines_by_hand() -> list[str]:
    """The commands of the one console example that asks a door."""
    blocks = PAGE.read_text(encoding="utf-8").split("```console\n")[1:]
    (block,) = (text for block in blocks if "curl " in (text := block.partition("```")[0]))
    assert all(line.startswith("$ ") for line in block.splitlines())
    return [line.removeprefix("$ ") for line in block.splitlines()]


async def said(folder: Path, *lines: str) -> Any:  # noqa: ANN401 - JSON
    """What the last of the lines prints, typed into a shell in `folder`."""
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-ec", "\n".join(lines)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await shell.communicate()
    assert shell.returncode == 0
    return json.loads(out)


async def test_a_person_withdraws_a_release_by_the_lines_of_the_page(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    async with hosting(tmp_path, hosting_sandbox, (shop("production"),)) as host:
        back = await host.deploy("production", version="v1")
        active = await host.deploy("production", version="v2")
        meant = {"/services/hello/": "/services/shop/", "BACK": back, "ACTIVE": active}
        names, status, *steps = lines_by_hand()
        for word, name in meant.items():
            names, *steps = (line.replace(word, name) for line in (names, *steps))
        found = await said(tmp_path, names, status)
        assert (found["active"], found["back"]) == (active, back)
        started, promoted = [await said(tmp_path, names, step) for step in steps]
        assert started == {"release": back}
        assert (promoted["active"], promoted["previous"]) == (back, active)
        assert (await host.get("production")).said == "v1"
        withdrawn = (await host.status("production"))["releases"][0]
        assert (withdrawn["state"], withdrawn["reason"]) == ("withdrawn", "loses carts")
        verb, about = host.records[-1]
        assert (verb, about["door"], about["job"]) == ("promote", "rollback", "by-ann")
