"""The picture of a fleet: complete, the same every time, and well formed."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lotabots.adapters.files.workspace import read_workspace
from lotabots.graph.export import dot, mermaid, svg
from lotabots.graph.picture import Arrow, Node, Picture, layout, picture
from lotabots.model.load import load

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def fleet() -> Picture:
    return picture(load(read_workspace(ROOT)).fleet)


def test_every_bot_and_gate_is_drawn(fleet: Picture) -> None:
    declared = load(read_workspace(ROOT)).fleet
    names = {node.name for node in fleet.nodes}
    assert {bot.name for bot in declared.bots} <= names
    assert {f"gate.{gate.name}" for gate in declared.gates} <= names


def test_every_declared_edge_is_an_arrow(fleet: Picture) -> None:
    pairs = {(arrow.source, arrow.target) for arrow in fleet.arrows}
    assert {(e.source, e.target) for e in load(read_workspace(ROOT)).fleet.edges} <= pairs


def test_what_comes_from_outside_is_drawn(fleet: Picture) -> None:
    assert Arrow("ingress", "BuildBot", ("change.pushed",)) in fleet.arrows


def test_an_edge_goes_to_a_later_layer_unless_it_closes_a_cycle() -> None:
    nodes = tuple(Node(name, "bot") for name in "abcd")
    arrows = tuple(Arrow(s, t, ()) for s, t in ("ab", "bc", "ca", "ad", "dc"))
    spots = layout(Picture("p", nodes, arrows))
    assert [spots[name].layer for name in "abdc"] == [0, 1, 1, 2]


def test_no_two_nodes_share_a_place(fleet: Picture) -> None:
    spots = layout(fleet)
    assert len(set(spots.values())) == len(spots) == len(fleet.nodes)


def test_an_empty_fleet_can_be_drawn() -> None:
    drawn = Picture("empty", (), ())
    assert mermaid(drawn) == "flowchart LR\n"
    ET.fromstring(svg(drawn))  # noqa: S314 - our own text


def test_the_drawing_is_well_formed_and_stands_alone(fleet: Picture) -> None:
    text = svg(fleet)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    labels = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"BuildBot", "NotificationBot", "release-staging"} <= labels
    assert text.count("http") == 1, "nothing but the name of the format looks like an address"


def test_mermaid_and_dot_name_the_events(fleet: Picture) -> None:
    assert '|"build.completed"|' in mermaid(fleet)
    assert '"BuildBot" -> "TestBot" [label="build.completed"];' in dot(fleet)
