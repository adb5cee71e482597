"""Nkeys of all identities, kept in files that only their owner may read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import nkeys

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


def ensure_keys(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The public nkey of every name; seeds that are missing are made in `folder`.

    An existing seed is never replaced (rotation removes the file first).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    return {name: _public(_seed(folder, name)) for name in names}


def read_seed(folder: Path, name: str) -> str:
    """The seed of `name`.

    Raises:
        FileNotFoundError: there is none.
    """
    return (folder / f"{name}.nk").read_text(encoding="ascii").strip()


def _seed(folder: Path, name: str) -> str:
    path = folder / f"{name}.nk"
    if not path.exists():
        made = bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
        partial = folder / f"{name}.part"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    return read_seed(folder, name)


def _public(seed: str) -> str:
    key = nkeys.from_seed(bytearray(seed.encode("ascii")))
    try:
        return bytes(key.public_key).decode("ascii")
    finally:
        key.wipe()
