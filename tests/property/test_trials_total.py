"""Whatever a file of policy tests says, it is read, checked and run, and nothing raises."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lotabots.checks.base import workspace_of
from lotabots.checks.catalog.lb801_test_of_unknown_name import CHECK as NAMES
from lotabots.checks.catalog.lb802_test_event_unfit import CHECK as EVENTS
from lotabots.checks.run import run as check
from lotabots.model.load import load
from lotabots.trials.coverage import coverage
from lotabots.trials.run import bench, run

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for folder in ("rules", "graphs")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
}
SUITES = [text.decode() for path, text in RULES.items() if path.startswith("rules/tests/")]
BENCH = bench(check(load({p: data for p, data in RULES.items() if "rules/tests/" not in p})))
WORDS = ("null", "{}", "[]", "-1", "1e9", "true", '"\\u0000"', "nobody", "anything", "gate.x", "*")


@st.composite
def slips(draw: st.DrawFn) -> str:
    """A suite of this repository with a few lines dropped, doubled, or changed by a word."""
    lines = draw(st.sampled_from(SUITES)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(("drop", "double", "change")))
        if how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
        else:
            words = lines[at].split()
            old = draw(st.sampled_from(words)) if words else ""
            lines[at] = lines[at].replace(old, draw(st.sampled_from(WORDS)), 1)
    return "\n".join(lines)


@given(slips())
@settings(max_examples=60, deadline=None)
def test_a_suite_with_slips_is_read_checked_and_run(text: str):
    loaded = load({"rules/tests/some.yaml": text.encode()})
    graph = BENCH.law.graph
    workspace = workspace_of(BENCH.fleet, graph, untrusted=frozenset(), trials=loaded.trials)
    assert all(found.help for found in (*NAMES.run(workspace), *EVENTS.run(workspace)))
    (file,) = loaded.trials
    ran = [run(BENCH, file, trial) for trial in file.trials]
    assert all(found.primary.span.path for one in ran for found in one.differences)
    assert set(coverage(BENCH, ran).reached) <= set(coverage(BENCH, ran).points)
