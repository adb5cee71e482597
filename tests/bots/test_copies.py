"""Bots share no code at run time; what several of them need stands in each, letter for letter."""

from __future__ import annotations

import pytest

from executor.workshop import ROOT

COPIES = {
    "commits.py": ("documentation", "lint", "review", "security", "test"),
    "door.py": ("deploy", "scaling"),
    "failure.py": ("documentation", "lint", "review", "security"),
    "findings.py": ("documentation", "lint", "review", "security"),
    "neutral.py": ("build", "deploy", "log", "test"),
    "sources.py": ("lint", "security"),
}


@pytest.mark.parametrize("name", COPIES)
def test_what_bots_share_is_the_same_in_each(name: str):
    paths = [ROOT / "bots" / bot / name for bot in COPIES[name]]
    assert len(paths) > 1
    assert {path: path.read_bytes() for path in paths} == dict.fromkeys(
        paths, paths[0].read_bytes()
    )
