"""Where relays lead: what lotabots.yaml says, or a door of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.service.config import read_config
from lotabots.service.folder import StateFolder
from lotabots.service.relay_config import relays

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = """
services:
  shop:
    run: shop
    environments:
      staging: {listen: "127.0.0.1:8101"}
      production: {listen: "127.0.0.1:8102"}
"""


def said(root: Path, text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    (root / "lotabots.yaml").write_text(text, encoding="utf-8")
    config, findings = read_config(root)
    return relays(config), [(one.message, one.help) for one in findings]


def test_a_relay_leads_to_a_host_or_to_a_socket_of_the_workspace(tmp_path: Path):
    text = "relays: {mail: 'localhost:2587', six: '[::1]:1', near: 'unix:a/b', far: 'unix:/a/../b'}"
    assert said(tmp_path, text) == (
        {
            "mail": "localhost:2587",
            "six": "[::1]:1",
            "near": f"unix:{tmp_path}/a/b",
            "far": "unix:/b",
        },
        [],
    )


def test_a_relay_without_a_place_leads_to_the_door_of_its_name(tmp_path: Path):
    doors = f"unix:{tmp_path}/.lotabots/doors"
    found, findings = said(tmp_path, f"relays: {{rollback: 'localhost:1', mail: 'a:25'}}{SERVICES}")
    assert (found, findings) == (
        {
            "deploy-production": f"{doors}/deploy-production.sock",
            "deploy-staging": f"{doors}/deploy-staging.sock",
            "rollback": "localhost:1",
            "monitor": f"{doors}/monitor.sock",
            "scale": f"{doors}/scale.sock",
            "mail": "a:25",
        },
        [],
    )


def test_a_host_that_serves_nothing_has_no_doors(tmp_path: Path):
    assert said(tmp_path, "lease: 30") == ({}, [])


@pytest.mark.parametrize("way", ["localhost", "localhost:0", "localhost:65536", "unix:", "/a.sock"])
def test_a_way_that_is_none_is_a_finding_with_its_cure(tmp_path: Path, way: str):
    cure = "write `host:port`, or `unix:` and the path of a socket"
    found, ((message, help_),) = said(tmp_path, f"relays: {{mail: '{way}'}}")
    assert (found, help_) == ({}, cure)
    assert message == f"expected where a relay leads, found the text `{way}`"


def test_doors_are_for_the_owner_of_the_state_folder_only(tmp_path: Path):
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    assert folder.doors.stat().st_mode & 0o777 == 0o700
