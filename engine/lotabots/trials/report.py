"""What became of the tests, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from lotabots.diagnostics import render_text
from lotabots.diagnostics.terminal import clean, paint
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span
    from lotabots.trials.coverage import Coverage
    from lotabots.trials.mutants import Mutant
    from lotabots.trials.run import Ran

VERSION: Final = 1


class Report(NamedTuple):
    """Everything there is to report. Without `--coverage` and `--mutate` the last are None."""

    ran: tuple[Ran, ...]
    coverage: Coverage | None = None
    tried: int = 0
    survivors: tuple[Mutant, ...] | None = None

    @property
    def failed(self) -> tuple[Ran, ...]:
        """The tests that something was otherwise in than they expect."""
        return tuple(one for one in self.ran if one.differences)


def text(
    report: Report, sources: Mapping[str, bytes], *, color: bool, width: int, verbose: bool
) -> str:
    """The report for people: a frame for each difference, what is missing, a summary."""
    blocks = [_heading(one, color=color) for one in report.ran if verbose and not one.differences]
    shown = "".join(blocks) + ("\n" if blocks else "")
    for one in report.failed:
        frames = render_text.frames(one.differences, sources, color=color, width=width)
        shown += f"{_heading(one, color=color)}\n{frames}\n"
    if report.coverage is not None:
        shown += _covered(report.coverage)
    if report.survivors is not None:
        shown += _survived(report.tried, report.survivors)
    return shown + _summary(report, color=color)


def document(report: Report) -> str:
    """The report as JSON; a later version may add members."""
    tests = [_test(one) for one in report.ran]
    summary = {"tests": len(report.ran), "failed": len(report.failed)}
    said: dict[str, Any] = {"version": VERSION, "tests": tests, "summary": summary}
    if report.coverage is not None:
        covered = report.coverage
        said["coverage"] = {
            "percent": round(covered.percent, 1),
            "points": len(covered.points),
            "reached": len(covered.reached),
            "missed": [_spot(p.owner, p.what, p.span) for p in covered.missed],
        }
    if report.survivors is not None:
        survivors = [
            {**_spot(m.owner, m.what, m.span), "telling": m.telling} for m in report.survivors
        ]
        said["mutants"] = {"tried": report.tried, "survivors": survivors}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def junit(report: Report) -> str:
    """The report as JUnit's XML, one suite for each file."""
    by_file: dict[str, list[Ran]] = {}
    for one in report.ran:
        by_file.setdefault(one.path, []).append(one)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuites tests="{len(report.ran)}" failures="{len(report.failed)}">')
    for path, those in by_file.items():
        failures = sum(1 for one in those if one.differences)
        name = _attribute(path)
        lines.append(f'  <testsuite name={name} tests="{len(those)}" failures="{failures}">')
        for one in those:
            lines += _case(one)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _heading(one: Ran, *, color: bool) -> str:
    failed = bool(one.differences)
    word = paint("fail" if failed else "pass", "error" if failed else "strong", on=color)
    return f"{word}  {clean(one.path)}:{one.trial.span.line}  {clean(one.trial.name)}\n"


def _covered(covered: Coverage) -> str:
    lines = [f"  {p.span.path}:{p.span.line}: {p.owner} {p.what}\n" for p in covered.missed]
    share = f"{len(covered.reached)} of {len(covered.points)} ({covered.percent:.1f} %)"
    tail = "; no test asks whether:" if lines else ""
    return f"rules that the tests ask: {share}{tail}\n{''.join(map(_shown, lines))}\n"


def _survived(tried: int, survivors: tuple[Mutant, ...]) -> str:
    lines = [line for mutant in survivors for line in _told(mutant)]
    noticed = f"changes of the rules that a test notices: {tried - len(survivors)} of {tried}"
    tail = "; no test minds:" if lines else ""
    return f"{noticed}{tail}\n{''.join(map(_shown, lines))}\n"


def _told(mutant: Mutant) -> Iterator[str]:
    place = f"{mutant.span.path}:{mutant.span.line}"
    yield f"  {place}: {mutant.owner} {mutant.what}\n"
    if mutant.telling:
        yield f"      would be told by an event with {mutant.telling}\n"


def _shown(line: str) -> str:
    return clean(line.removesuffix("\n")) + "\n"


def _summary(report: Report, *, color: bool) -> str:
    files = counted(len({one.path for one in report.ran}), "file")
    tests = counted(len(report.ran), "test")
    if not report.failed:
        return f"{tests} in {files}: {paint('all pass', 'strong', on=color)}\n"
    return paint(f"{len(report.failed)} of {tests} in {files} failed", "error", on=color) + "\n"


def _test(one: Ran) -> dict[str, Any]:
    return {
        "path": one.path,
        "line": one.trial.span.line,
        "name": one.trial.name,
        "passed": not one.differences,
        "differences": [_difference(found) for found in one.differences],
    }


def _difference(found: Diagnostic) -> dict[str, Any]:
    return {
        "message": found.message,
        "reason": found.primary.text,
        **_place(found.primary.span),
        "where": found.subject,
        "rule": next((_place(label.span) for label in found.related), None),
        "notes": list(found.notes),
        "help": found.help,
    }


def _spot(owner: str, what: str, span: Span) -> dict[str, Any]:
    return {"owner": owner, "what": what, **_place(span)}


def _place(span: Span) -> dict[str, Any]:
    return {"path": span.path, "line": span.line, "column": span.column}


def _case(one: Ran) -> Iterator[str]:
    opening = f"    <testcase name={_attribute(one.trial.name)} classname={_attribute(one.path)}"
    if not one.differences:
        yield f"{opening}/>"
        return
    first = _attribute(one.differences[0].message)
    yield f"{opening}>"
    yield f"      <failure message={first}>"
    for found in one.differences:
        lines = (f"{found.primary.span}: {found.message}", found.primary.text, *found.notes)
        yield from (escape(clean(line)) for line in lines if line)
    yield "      </failure>"
    yield "    </testcase>"


def _attribute(words: str) -> str:
    return quoteattr(clean(words))
