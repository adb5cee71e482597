"""The audit log, read and verified from its files alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from lotabots.adapters.files.auditlog import ORIGIN, AuditLogError, read_checkpoint, reader
from lotabots.audit.note import verifier_of
from lotabots.audit.verify import entries_of, verify

if TYPE_CHECKING:
    from pathlib import Path


class Audited(NamedTuple):
    """What verification said, and what stands in the log."""

    root: str
    faults: tuple[str, ...]
    entries: list[dict[str, Any]]

    def subjects(self, beginning: str) -> list[str]:
        """The subjects in the log that begin so, in order."""
        return [one["subject"] for one in self.entries if one["subject"].startswith(beginning)]


def read(state: Path) -> Audited:
    """Verify the log in a state folder against the key that signs it, and read it.

    Raises:
        AuditLogError: there is none.
    """
    folder = state / "audit"
    note, read_tile = read_checkpoint(folder), reader(folder)
    verifier = verifier_of(ORIGIN, (state / "keys/audit.key").read_bytes())
    report = verify(note, verifier, read_tile)
    entries = [json.loads(entry) for entry in entries_of(report.entries, read_tile)]
    return Audited(report.checkpoint.root.hex(), tuple(report.faults), entries)


def covers(state: Path, jobs: set[str]) -> bool:
    """Whether the log has the outcome of all these jobs that have one."""
    try:
        audited = read(state)
    except (AuditLogError, OSError):
        return False
    return jobs <= {subject.rpartition(".")[2] for subject in audited.subjects("lb.out.")}
