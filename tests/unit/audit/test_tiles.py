"""Tiles and bundles: the paths and sizes of the specification, and what is refused."""

from __future__ import annotations

import pytest

from lotabots.audit.tiles import (
    Growth,
    TileError,
    bundle_path,
    encode_bundle,
    hashes_of,
    partial_widths,
    read_bundle,
    read_tile,
    tile_path,
)
from transparency import Files, log_of


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 256, "tile/0/x001/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (1, 17, 1, "tile/1/017.p/1"),
        (5, 1234067, 255, "tile/5/x001/x234/067.p/255"),
    ],
)
def test_tiles_have_the_paths_of_the_specification(level: int, index: int, width: int, path: str):
    assert tile_path(level, index, width) == path


def test_bundles_have_the_paths_of_the_specification():
    assert bundle_path(1234067) == "tile/entries/x001/x234/067"
    assert bundle_path(3, 9) == "tile/entries/003.p/9"


def test_the_example_of_the_specification_has_its_partial_tiles():
    assert list(partial_widths(70_000)) == [112, 17, 1]
    assert list(partial_widths(256)) == [0, 1]
    assert list(partial_widths(65_536)) == [0, 0, 1]


def test_a_log_of_257_entries_has_exactly_these_files():
    files = log_of([b"%d" % n for n in range(257)])[1]
    assert {path: len(data) for path, data in files.items() if "entries" not in path} == {
        "tile/0/000": 8192,
        "tile/0/001.p/1": 32,
        "tile/1/000.p/1": 32,
    }
    assert sorted(path for path in files if "entries" in path) == [
        "tile/entries/000",
        "tile/entries/001.p/1",
    ]


def test_there_are_no_empty_tiles():
    assert Growth().edge() == {}


def test_a_bundle_holds_entries_behind_their_length():
    assert encode_bundle([b"a", b"", b"x" * 300]) == b"\0\1a\0\0\1\x2c" + b"x" * 300


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\1", b"\0\2a", b"\0\1a\0", b"\0\1a\0\1b\0\1c", b"\0\1a"]
)
def test_a_bundle_of_another_length_is_refused(data: bytes):
    with pytest.raises(TileError, match=r"tile/entries/000.p/2 does not hold exactly 2 entries"):
        read_bundle(Files({"tile/entries/000.p/2": data}), 0, 2)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 96])
def test_a_tile_of_another_length_is_refused(length: int):
    with pytest.raises(TileError, match=f"tile/0/000.p/2 is {length} bytes long, not 64"):
        read_tile(Files({"tile/0/000.p/2": bytes(length)}), 0, 0, 2)


def test_a_missing_tile_is_named_when_its_hash_is_needed():
    files = log_of([b"%d" % n for n in range(600)])[1]
    del files["tile/0/001"]
    hashes = hashes_of(600, files)
    assert len(hashes(8, 1)) == 32  # that hash is in the tile above
    with pytest.raises(TileError, match="tile/0/001 is missing"):
        hashes(7, 2)
