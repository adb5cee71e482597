"""Tiles: the tree as static files (C2SP tlog-tiles).

A tile holds up to 256 hashes of one level; a bundle holds the entries of a level 0 tile. Both are
named by level, index and, while they are not full, width; so a name never changes its meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.audit.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash, subtree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lotabots.audit.merkle import Hashes

    Read = Callable[[str], bytes]

WIDTH: Final = 256
HEIGHT: Final = 8
ENTRIES: Final = "tile/entries/"
"""What the paths of bundles start with, and those of tiles do not."""

MAX_ENTRY: Final = 0xFFFF
"""Largest entry, in bytes: bundles prefix each with a 16-bit length."""


class TileError(Exception):
    """A tile or bundle is missing, has another length, or holds another entry; it is named."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """The path of a tile.

    >>> tile_path(0, 1234067), tile_path(1, 0, 17)
    ('tile/0/x001/x234/067', 'tile/1/000.p/17')
    """
    return _path(str(level), index, width)


def bundle_path(index: int, width: int = WIDTH) -> str:
    """The path of the bundle with the entries of level 0 tile `index`."""
    return _path("entries", index, width)


class Growth:
    """The right edge of a growing tree: what appending needs, and the tiles it completes.

    `edge[level]` holds the hashes of the tile that is not full yet at that level.
    """

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = [[]]
        self._entries: list[bytes] = []

    @classmethod
    def resume(cls, size: int, read: Read) -> Growth:
        """The edge of the tree of `size` leaves, read from its partial tiles.

        Raises:
            TileError: one of them is missing or damaged.
        """
        growth = cls()
        growth.size = size
        growth._edge = []
        for level, width in enumerate(partial_widths(size)):
            hashes = read_tile(read, level, size >> (HEIGHT * (level + 1)), width) if width else []
            growth._edge.append(hashes)
        width = size % WIDTH
        growth._entries = read_bundle(read, size >> HEIGHT, width) if width else []
        return growth

    def append(self, entries: Sequence[bytes]) -> dict[str, bytes]:
        """Add entries; the files of every tile and bundle that became full, by path."""
        full: dict[str, bytes] = {}
        for entry in entries:
            self._entries.append(entry)
            self._edge[0].append(leaf_hash(entry))
            self.size += 1
            if len(self._entries) == WIDTH:
                full[bundle_path((self.size >> HEIGHT) - 1)] = encode_bundle(self._entries)
                self._entries = []
                self._carry(full)
        return full

    def edge(self) -> dict[str, bytes]:
        """The files of the tiles and the bundle that are not full, by path."""
        files = {
            tile_path(level, self.size >> (HEIGHT * (level + 1)), len(hashes)): b"".join(hashes)
            for level, hashes in enumerate(self._edge)
            if hashes
        }
        if self._entries:
            path = bundle_path(self.size >> HEIGHT, len(self._entries))
            files[path] = encode_bundle(self._entries)
        return files

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        parts: list[bytes] = []
        for hashes in reversed(self._edge):
            at, count = 0, len(hashes)
            while count:
                step = 1 << (count.bit_length() - 1)
                parts.append(subtree(hashes[at : at + step]))
                at, count = at + step, count - step
        if not parts:
            return EMPTY_ROOT
        running = parts.pop()
        while parts:
            running = node_hash(parts.pop(), running)
        return running

    def _carry(self, full: dict[str, bytes]) -> None:
        """Move full tiles one level up."""
        level = 0
        while len(self._edge[level]) == WIDTH:
            hashes = self._edge[level]
            index = (self.size >> (HEIGHT * (level + 1))) - 1
            full[tile_path(level, index)] = b"".join(hashes)
            self._edge[level] = []
            if level + 1 == len(self._edge):
                self._edge.append([])
            self._edge[level + 1].append(subtree(hashes))
            level += 1


def partial_widths(size: int) -> Iterator[int]:
    """For each level of the tree of `size` leaves, how many hashes its last tile holds.

    0 where the level has full tiles only; the topmost level is included.
    """
    yield size % WIDTH
    while size := size >> HEIGHT:
        yield size % WIDTH


def hashes_of(size: int, read: Read) -> Hashes:
    """The hashes of complete subtrees of the tree of `size` leaves, from its tiles.

    The function raises `TileError` for what is missing or damaged; tiles are read once.
    """
    known: dict[tuple[int, int], list[bytes]] = {}

    def tile(level: int, index: int) -> list[bytes]:
        if (level, index) not in known:
            width = min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH)
            known[level, index] = read_tile(read, level, index, width)
        return known[level, index]

    def complete(height: int, index: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        first = index << above
        hashes = tile(level, first >> HEIGHT)
        return subtree(hashes[first % WIDTH : first % WIDTH + (1 << above)])

    return complete


def read_tile(read: Read, level: int, index: int, width: int) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        TileError: it is missing or not `width` hashes long.
    """
    path = tile_path(level, index, width)
    data = read(path)
    if len(data) != width * HASH_SIZE:
        raise TileError(f"{path} is {len(data)} bytes long, not {width * HASH_SIZE}")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of a bundle: each entry behind its length, 16 bits, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(read: Read, index: int, width: int) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        TileError: it is missing or does not hold exactly `width` entries.
    """
    path = bundle_path(index, width)
    data = read(path)
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) != width:
        raise TileError(f"{path} does not hold exactly {width} entries")
    return entries


def _path(kind: str, index: int, width: int) -> str:
    number = f"{index:03d}"
    number = number.zfill(-(-len(number) // 3) * 3)
    parts = [number[i : i + 3] for i in range(0, len(number), 3)]
    nested = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    suffix = "" if width == WIDTH else f".p/{width}"
    return f"tile/{kind}/{nested}{suffix}"
