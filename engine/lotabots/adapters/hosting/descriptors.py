"""How many files this process may have open, and so how many clients its fronts can take.

A client costs two descriptors: its own connection, and that to a release. When none is left,
nothing can be started, written down or switched any more; so clients get only a part of them.
"""

from __future__ import annotations

import contextlib
import resource
from typing import Final

from lotabots.adapters.hosting.limits import Limits

RESERVE: Final = 512
"""Descriptors that no client gets: for histories, doors, the sandbox and the rest of LotaBots."""

_EACH: Final = 2
_FEWEST: Final = 16


def limits_of(fronts: int) -> Limits:
    """The limits of each of so many fronts, after raising that of open files as far as needed."""
    wanted = Limits().connections
    files = _raised(RESERVE + _EACH * wanted * fronts)
    share = (files - RESERVE) // (_EACH * max(1, fronts))
    return Limits(connections=max(_FEWEST, min(wanted, share)))


def _raised(needed: int) -> int:
    """The limit of open files, raised to `needed` if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return needed
    if soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
