"""Entries per second into the audit log, against a bare file that is appended to and synced.

Budget: at least 50,000 entries a second, written in batches, each with a signed checkpoint after
it. Entries are made before the clock starts; both candidates get the same bytes in the same
batches and sync after each, in turns. Exit status 1 when the budget is missed.
``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from lotabots.adapters.files.auditlog import CHECKPOINT, ORIGIN, AuditWriter, reader
from lotabots.audit.note import verifier_of
from lotabots.audit.record import leaf
from lotabots.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BUDGET = 50_000
SEED = bytes(range(32))


def main() -> int:
    """Measure both in turns and compare with the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--entries", type=int, default=100_000, help="entries for each round")
    parser.add_argument("--batch", type=int, default=1000, help="entries between two checkpoints")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    start = perf_counter()
    entries = [_entry(number) for number in range(1, arguments.entries + 1)]
    made = perf_counter() - start
    batches = [entries[i : i + arguments.batch] for i in range(0, len(entries), arguments.batch)]
    # The best round: whatever else the machine does only ever slows one down.
    rounds = [(_timed(_log, batches), _timed(_bare, batches)) for _ in range(arguments.rounds)]
    report = {
        "python": platform.python_version(),
        "entry_bytes": len(entries[-1]),
        "batch": arguments.batch,
        "leaves_per_s": len(entries) / made,
        "log_per_s": len(entries) / min(log for log, _ in rounds),
        "bare_per_s": len(entries) / min(bare for _, bare in rounds),
        "ratio": median(bare / log for log, bare in rounds),
        "verify_per_s": len(entries) / _verified(batches),
    }
    met = report["log_per_s"] >= BUDGET
    if arguments.json:
        print(json.dumps({**report, "met": met}))
    else:
        _print(report)
    return 0 if met else 1


def _entry(number: int) -> bytes:
    """A leaf of the size that a decision has."""
    body = {
        "subject": f"lb.ev.bot.BuildBot.build.completed.{number}",
        "sequence": number,
        "sha256": "0" * 64,
        "jobs": [{"job": "j" * 26, "bot": "TestBot", "action": "test"}],
        "engine": "host-1",
    }
    return leaf(
        number,
        datetime(2026, 1, 1, tzinfo=UTC),
        subject=f"lb.dec.{number:052d}",
        origin="LB_DECISIONS",
        body=json.dumps(body).encode(),
    )


def _timed(
    candidate: Callable[[Path, Sequence[Sequence[bytes]]], None], batches: Sequence[Sequence[bytes]]
) -> float:
    folder = Path(tempfile.mkdtemp(prefix="bench-audit-"))
    try:
        start = perf_counter()
        candidate(folder, batches)
        return perf_counter() - start
    finally:
        shutil.rmtree(folder)


def _log(folder: Path, batches: Sequence[Sequence[bytes]]) -> None:
    with AuditWriter(folder, SEED) as writer:
        for batch in batches:
            writer.append(batch)
            writer.publish()


def _bare(folder: Path, batches: Sequence[Sequence[bytes]]) -> None:
    with (folder / "log").open("ab", buffering=0) as file:
        for batch in batches:
            file.write(b"".join(entry + b"\n" for entry in batch))
            os.fsync(file.fileno())


def _verified(batches: Sequence[Sequence[bytes]]) -> float:
    """Seconds to check a whole log; it has to be whole."""
    folder = Path(tempfile.mkdtemp(prefix="bench-audit-"))
    try:
        _log(folder, batches)
        start = perf_counter()
        note = (folder / CHECKPOINT).read_text(encoding="utf-8")
        report = verify(note, verifier_of(ORIGIN, SEED), reader(folder))
        taken = perf_counter() - start
        if report.faults:
            raise SystemExit(f"the log is not whole: {report.faults[0]}")
        return taken
    finally:
        shutil.rmtree(folder)


def _print(report: dict[str, float | str]) -> None:
    print(
        f"python {report['python']}, entries of {report['entry_bytes']} bytes, "
        f"a checkpoint for every {report['batch']}"
    )
    for name, key in (
        ("audit log: append and publish", "log_per_s"),
        ("bare file: append and fsync", "bare_per_s"),
        ("make a leaf", "leaves_per_s"),
        ("verify the whole log", "verify_per_s"),
    ):
        print(f"{name:<32}{report[key]:>12,.0f} entries/s")
    print(f"the log does {report['ratio']:.3f} of the bare file (budget: {BUDGET:,} entries/s)")


if __name__ == "__main__":
    sys.exit(main())
