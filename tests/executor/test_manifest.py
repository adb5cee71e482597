"""Manifests are read strictly; every error has its place and says the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from executor.workshop import ROOT
from lotabots.adapters.executor.manifest import (
    EntryPoint,
    ManifestError,
    decode,
    read_manifests,
)

if TYPE_CHECKING:
    from pathlib import Path

HERE = "bots/b/manifest.yaml"
EXAMPLE = 'such as run: ["{python}", -I, -S, "{bot}"]; a shell line is never run'
GOOD = 'manifest: 1\nbot: B\nentry_points: {go: {run: ["{python}", x], toolbox: t}}\n'


def test_a_manifest_names_the_bot_and_its_entry_points(tmp_path: Path):
    manifest = decode(GOOD.encode(), folder=tmp_path / "b")
    assert manifest.bot == "B"
    assert manifest.entry_points == {"go": EntryPoint(("{python}", "x"), "t")}


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", [f"{HERE}: the file is empty; write `manifest: 1`"]),
        (
            "[1]",
            [f"{HERE}:1:1: a manifest is a mapping with `manifest`, `bot`, `entry_points`"],
        ),
        (
            GOOD.replace("1\n", "2\n", 1),
            [f"{HERE}:1:11: this LotaBots reads manifests of version 1 only"],
        ),
        (
            GOOD.replace("bot:", "bots:"),
            [
                f"{HERE}:2:1: a manifest has no `bots`; did you mean `bot`?",
                f"{HERE}:1:1: a manifest lacks `bot`; add it",
            ],
        ),
        (
            GOOD.replace('["{python}", x]', '"python x | sh"'),
            [f"{HERE}:3:26: `run` is a list of a program and its arguments, {EXAMPLE}"],
        ),
        (
            GOOD.replace("toolbox: t", "tolbox: t"),
            [f"{HERE}:3:43: entry point `go` has no `tolbox`; did you mean `toolbox`?"],
        ),
        (
            GOOD.replace("bot: B", "bot: [B]"),
            [f"{HERE}:2:6: `bot` must be text; write a single value"],
        ),
        (
            "manifest: 1\nbot: B\nentry_points: []\n",
            [f"{HERE}:3:15: `entry_points` maps names to `{{run, toolbox}}`; give at least one"],
        ),
    ],
)
def test_an_error_has_a_place_and_a_cure(tmp_path: Path, text: str, errors: list[str]):
    with pytest.raises(ManifestError) as caught:
        decode(text.encode(), folder=tmp_path / "b")
    assert list(caught.value.errors) == errors


def test_two_folders_cannot_be_the_same_bot(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(GOOD)
    found = read_manifests(tmp_path)
    assert found.by_bot["B"].folder.name == "one"
    assert found.errors == ("bots/two/manifest.yaml: `B` is also bots/one",)


def test_the_manifests_of_this_repository_are_sound():
    assert read_manifests(ROOT / "bots").errors == ()
