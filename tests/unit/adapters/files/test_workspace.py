"""Reading a workspace: what is read, and what is refused by name with a cure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.files import workspace
from lotabots.adapters.files.workspace import WorkspaceError, read_workspace

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def refusal(root: Path) -> str:
    with pytest.raises(WorkspaceError) as caught:
        read_workspace(root)
    return str(caught.value).replace(str(root), "ROOT")


def test_yaml_below_rules_and_in_graphs_is_read_in_order(tmp_path: Path):
    write(
        tmp_path,
        rules__fleet_yaml="a",
        rules__bots__b_yaml="b",
        rules__bots__README="no",
        graphs__dependencies_yaml="c",
        graphs__deep__no_yaml="no",
        other__x_yaml="no",
    )
    assert list(read_workspace(tmp_path).items()) == [
        ("graphs/dependencies.yaml", b"c"),
        ("rules/bots/b.yaml", b"b"),
        ("rules/fleet.yaml", b"a"),
    ]


def test_a_folder_without_rules_is_an_empty_workspace(tmp_path: Path):
    assert read_workspace(tmp_path) == {}


def test_a_missing_folder_is_refused(tmp_path: Path):
    assert refusal(tmp_path / "none") == (
        "ROOT: no such folder; name a workspace, or make one: `lotabots init`"
    )


def test_a_file_is_no_workspace(tmp_path: Path):
    write(tmp_path, file="x")
    assert refusal(tmp_path / "file") == (
        "ROOT: not a folder; name a workspace, or make one: `lotabots init`"
    )


def test_a_link_inside_the_workspace_is_followed(tmp_path: Path):
    write(tmp_path, shared__b_yaml="b", rules__fleet_yaml="a")
    (tmp_path / "rules" / "bots").symlink_to(tmp_path / "shared")
    assert list(read_workspace(tmp_path)) == ["rules/bots/b.yaml", "rules/fleet.yaml"]


def test_an_ending_in_capitals_is_read_so_that_it_can_be_reported(tmp_path: Path):
    write(tmp_path, rules__bots__b_yaml="b")
    (tmp_path / "rules" / "bots" / "B.YAML").write_text("b")
    assert list(read_workspace(tmp_path)) == ["rules/bots/B.YAML", "rules/bots/b.yaml"]


@pytest.mark.parametrize("name", ["bots", "x.yaml"])
def test_a_link_out_of_the_workspace_is_refused(tmp_path: Path, name: str):
    write(tmp_path, outside__b_yaml="b", inside__rules__fleet_yaml="a")
    target = tmp_path / "outside" / ("b.yaml" if name == "x.yaml" else "")
    (tmp_path / "inside" / "rules" / name).symlink_to(target)
    assert refusal(tmp_path / "inside") == (
        f"ROOT/rules/{name}: a link that leads out of the workspace; "
        "copy into the workspace what it leads to"
    )


def test_a_rules_folder_that_is_a_link_outwards_is_refused(tmp_path: Path):
    write(tmp_path, outside__b_yaml="b", inside__x="")
    (tmp_path / "inside" / "rules").symlink_to(tmp_path / "outside")
    assert "ROOT/rules: a link that leads out of the workspace" in refusal(tmp_path / "inside")


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path):
    write(tmp_path, rules__fleet_yaml="a")
    (tmp_path / "rules" / "b.yaml").symlink_to("b.yaml")
    assert refusal(tmp_path) == (
        "ROOT/rules/b.yaml: a link that leads nowhere; remove the link, or let it lead to a file"
    )


def test_folders_that_loop_are_refused(tmp_path: Path):
    write(tmp_path, rules__fleet_yaml="a")
    (tmp_path / "rules" / "again").symlink_to(tmp_path / "rules")
    assert "too many folders inside one another; flatten them" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path):
    write(tmp_path, rules__fleet_yaml="a")
    os.mkfifo(tmp_path / "rules" / "p.yaml")
    assert refusal(tmp_path) == (
        "ROOT/rules/p.yaml: not an ordinary file; remove it; rule files are files"
    )


def test_a_file_that_is_too_large_is_refused(tmp_path: Path):
    write(tmp_path, rules__fleet_yaml="a" * (workspace.MAX_FILE_BYTES + 1))
    assert refusal(tmp_path) == (
        "ROOT/rules/fleet.yaml: larger than 4 MiB; split the file, or move it out of the rules"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(tmp_path: Path):
    write(tmp_path, rules__fleet_yaml="a")
    (tmp_path / "rules" / "fleet.yaml").chmod(0)
    assert refusal(tmp_path) == "ROOT/rules/fleet.yaml: permission denied; make it readable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_refused(tmp_path: Path):
    write(tmp_path, rules__bots__b_yaml="a")
    (tmp_path / "rules" / "bots").chmod(0)
    try:
        assert refusal(tmp_path) == "ROOT/rules/bots: permission denied; make it readable"
    finally:
        (tmp_path / "rules" / "bots").chmod(0o700)
