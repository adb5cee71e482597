"""The report of all tests as JUnit XML: a form that everything reads."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import ledger as results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from ledger import Result

TAGS = {results.FAILED: "failure", results.ERROR: "error", results.SKIPPED: "skipped"}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, found: Sequence[Result], said: str, *, hide: Callable[[str], str]) -> None:
    """Write the report; `said` is the end of what the tests printed, `hide` makes texts neutral."""
    root = ET.Element("testsuites", _counts(found))
    for suite, group in groupby(sorted(found, key=lambda one: one.suite), key=lambda o: o.suite):
        members = list(group)
        element = ET.SubElement(root, "testsuite", {"name": suite, **_counts(members)})
        for result in members:
            _case(element, result, hide)
    if len(root):
        ET.SubElement(root[-1], "system-out").text = _text(hide(said))
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _case(suite: ET.Element, result: Result, hide: Callable[[str], str]) -> None:
    file, _, name = result.id.partition("::")
    facts = {"classname": _text(file), "name": _text(name), "time": f"{result.seconds:.6f}"}
    case = ET.SubElement(suite, "testcase", facts)
    if result.verdict in TAGS:
        tag = ET.SubElement(case, TAGS[result.verdict], {"message": _text(hide(result.message))})
        tag.text = _text(hide(result.detail))


def _counts(found: Iterable[Result]) -> dict[str, str]:
    members = list(found)
    counts = {
        "tests": len(members),
        "failures": sum(one.verdict == results.FAILED for one in members),
        "errors": sum(one.verdict == results.ERROR for one in members),
        "skipped": sum(one.verdict == results.SKIPPED for one in members),
    }
    seconds = sum(one.seconds for one in members)
    return {**{name: str(number) for name, number in counts.items()}, "time": f"{seconds:.3f}"}


def _text(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
