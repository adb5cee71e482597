"""Promises about the shape of the repository that no linter of ours can express."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

BANNED_NAMES = {"utils", "util", "common", "helpers", "manager", "core", "misc", "base"}
BASE_IS_FINE = ROOT / "engine/lotabots/checks/base.py"

# Written so that no pattern matches itself. A folder counts only at the start of a path.
ELSEWHERE = {
    "the host of a package index": re.compile(
        rb"python[h]osted\.|pypi[.]org|npm[j]s\.|deb[.]debian|index\.crates[.]io|proxy\.golang[.]org"
    ),
    "a path of one machine": re.compile(rb"(?<![\w.*)}\]-])/(?:root|work|home)[/]\w"),
}

# Loaded by `import lotabots.cli.main`, each would cost more than the whole `validate` may take.
HEAVY = {"aiohttp", "asyncio", "jsonschema", "msgspec", "nats", "networkx", "rich"}

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def shown(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def oversized_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTION):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{shown(path, node.lineno)} `{node.name}` has {length} lines"


def calls_of(name: str, path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and name == called_name(node.func):
            yield shown(path, node.lineno)


def called_name(function: ast.expr) -> str | None:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def files_of_the_repository() -> list[Path]:
    """What is committed, and what would be: ignored files are nobody's business."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of its files")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, f"git cannot list the files of {ROOT}: {listed.stderr}"
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted({path for path in paths if path.is_file() and not path.is_symlink()})


def test_the_budget_tests_look_at_the_engine() -> None:
    """A moved folder must not turn the tests below into tests of nothing."""
    assert BASE_IS_FINE.parent.is_dir()
    assert len(modules("engine")) > len(BANNED_NAMES)


def test_no_module_outgrows_its_room() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in modules("engine", "bots")}
    too_long = [
        f"{shown(path)} has {length} lines"
        for path, length in lengths.items()
        if length > MAX_MODULE_LINES
    ]
    assert not too_long, f"split these by noun, to {MAX_MODULE_LINES} lines at most: {too_long}"


def test_no_function_outgrows_its_room() -> None:
    too_long = [found for path in modules("engine", "bots") for found in oversized_functions(path)]
    assert not too_long, f"split these, to {MAX_FUNCTION_LINES} lines at most: {too_long}"


def test_no_module_is_a_shared_drawer() -> None:
    drawers = [
        shown(path)
        for path in modules("engine", "bots")
        for name in [path.parent.name if path.stem == "__init__" else path.stem]
        if name.strip("_") in BANNED_NAMES and path != BASE_IS_FINE
    ]
    assert not drawers, f"name these after the noun that they own: {drawers}"


def test_only_the_checks_build_a_checked_fleet() -> None:
    """`policy.compile` takes a CheckedFleet, so an unchecked fleet cannot be compiled."""
    builder = ROOT / "engine/lotabots/checks/run.py"
    others = [
        place
        for path in modules("engine", "bots", "benchmarks", "tests")
        if path != builder
        for place in calls_of("CheckedFleet", path)
    ]
    assert not others, f"call lotabots.checks.run.run instead of CheckedFleet(...): {others}"


@pytest.mark.parametrize("what", ELSEWHERE)
def test_no_file_names_a_place_outside_the_repository(what: str) -> None:
    found = [
        f"{shown(path, number)} {line.strip()[:80]!r}"
        for path in files_of_the_repository()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if ELSEWHERE[what].search(line)
    ]
    assert not found, f"{what} has no place in a file; remove it from: {found}"


def test_starting_the_command_line_loads_nothing_heavy() -> None:
    """`lotabots validate` has a tenth of a second for everything, Python's own start included."""
    program = "import sys, lotabots.cli.main; print(*sorted(sys.modules), sep='\\n')"
    started = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert started.returncode == 0, started.stderr
    heavy = HEAVY.intersection(started.stdout.split())
    assert not heavy, (
        f"lotabots.cli.main imports {sorted(heavy)}; find who with "
        "`python -X importtime -c 'import lotabots.cli.main'` and import it where it is used"
    )
