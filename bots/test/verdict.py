"""The verdict: a success only if every account of the tests agrees with every other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import ledger as results

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger import Ledger, Result
    from process import Ended

OK, TESTS_FAILED, NO_TESTS = 0, 1, 5
NAMES = {2: "the run was interrupted", 3: "pytest failed", 4: "pytest was used wrongly"}
SHOWN = 10
MISSED = ("No module named", "fixture '")


class Verdict(NamedTuple):
    """`reasons` are ids and messages of what is wrong, whole results first."""

    outcome: str
    results: tuple[Result, ...]
    reasons: tuple[tuple[str, str], ...]

    def doubted(self, reason: str) -> Verdict:
        """The same, but not to be believed."""
        return self._replace(outcome="error", reasons=(*self.reasons, ("tests", reason)))

    def lacking(self, names: Sequence[str]) -> Verdict:
        """The same with a word on absent packages, if a module or fixture was missed."""
        missed = any(sign in message for _, message in self.reasons for sign in MISSED)
        if not names or not missed:
            return self
        shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
        said = f"they ask for {shown}, which toolbox and wheelhouse do not have"
        return self._replace(reasons=(*self.reasons, ("tests", said)))

    def count(self, *verdicts: str) -> int:
        """How many results have one of these verdicts."""
        return sum(result.verdict in verdicts for result in self.results)


def judge(said: Ledger, ended: Ended, expected: Iterable[str]) -> Verdict:
    """The verdict about tests that said this and ended like that.

    `expected` are the ids of tests that stand in the files of the commit, at least.
    """
    found = (*said.unread.values(), *said.results.values())
    bad = [one for one in found if one.verdict in (results.FAILED, results.ERROR)]
    reasons = [(one.id, one.message) for one in bad]
    if ended.status is None:
        what = said.running or "tests"
        reasons.append((what, "did not end within the time limit, and was ended"))
        return Verdict("failure" if said.running else "error", found, tuple(reasons))
    doubts = [("tests", doubt) for doubt in _doubts(said, ended, bad=len(bad), found=found)]
    doubts += _missing(said, expected)
    if not doubts:
        return Verdict("failure" if bad else "success", found, tuple(reasons))
    return Verdict("error", found, (*reasons, *doubts))


def _doubts(said: Ledger, ended: Ended, *, bad: int, found: Sequence[Result]) -> list[str]:
    """What speaks against believing the record; only the first, the others follow from it."""
    status = ended.status
    doubts = {
        f"the tests ended the program before pytest was done ({_how(status)})": (
            said.finished is None
        ),
        f"pytest was done with {said.finished}, the program with {status}": status != said.finished,
        "there is no test": status == NO_TESTS or not found,
        NAMES.get(status or 0, f"pytest ended with {status}"): status not in (OK, TESTS_FAILED),
        f"pytest ended with {status}, but {bad} tests did not pass": (status == OK) != (bad == 0),
        "every test was skipped": all(one.verdict == results.SKIPPED for one in found),
    }
    return [doubt for doubt, holds in doubts.items() if holds][:1]


def _missing(said: Ledger, expected: Iterable[str]) -> list[tuple[str, str]]:
    """Tests without a result. A file that was not collected says so itself."""
    silent = [name for name in said.suites if name not in said.results]
    taken_out = sorted(said.deselected)
    reached = {name.partition("[")[0] for name in (*said.suites, *taken_out)}
    unknown = [
        name
        for name in sorted(expected)
        if name not in reached and not any(_holds(one, name) for one in said.unread)
    ]
    rows = [(name, "has no result") for name in silent]
    rows += [(name, "was taken out by a plugin or `conftest.py`") for name in taken_out]
    rows += [(name, "is in the commit, but was not run") for name in unknown]
    left = len(rows) - SHOWN
    return [*rows[:SHOWN], *([("tests", f"{left} more were not run")] if left > 0 else [])]


def _holds(whole: str, name: str) -> bool:
    return name == whole or name.startswith((f"{whole}::", f"{whole}/"))


def _how(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
