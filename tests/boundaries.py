"""Which test attacks which boundary: read from the rules and from the marks of the tests.

A test says with ``@pytest.mark.boundary("BuildBot", "deploy", plane="kernel")`` that it tries to do
what a line below ``boundaries:`` denies, and that it fails there. Several lines may be named in one
mark, and a test may have several marks. `python tests/boundaries.py` writes docs/boundaries.md;
with ``--check`` it writes nothing, and exits with 1 if it would.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.executor.manifest import read_manifests
from lotabots.model.load import load
from lotabots.syntax.compose import compose
from lotabots.syntax.nodes import Mapping, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lotabots.model.bot import Boundary

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = "docs/boundaries.md"

PLANES: Final = {
    "proof": "`lotabots validate` refuses rules that grant it",
    "decision": "the engine rejects the event, whatever the rules grant",
    "contract": "the engine refuses the line that the bot prints",
    "broker": "the NATS server refuses what the bot's own account sends",
    "kernel": "the sandbox refuses the bot's process",
    "host": "the host's door refuses the request",
}
"""The planes and what each does, in the order in which an attack would meet them."""

ALWAYS: Final = frozenset({"proof", "decision"})
"""Where every boundary has to hold: the rules cannot give away what it denies ..."""

OUTSIDE: Final = frozenset(PLANES) - ALWAYS
"""... and where at least one must: what stops a bot that does not ask."""

MARK: Final = "pytest.mark.boundary"
SKIPS: Final = ("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail")
TESTS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
USAGE: Final = f'`@{MARK}("Bot", "capability", plane="...")`'


class Line(NamedTuple):
    """A line below ``boundaries:``; `denies` is its capability, and ``on X`` if it says where."""

    bot: str
    denies: str
    reason: str
    path: str
    line: int


class Attack(NamedTuple):
    """A test that says that `plane` stops what `denies` of `bot` denies. `line` is its mark's."""

    bot: str
    denies: str
    plane: str
    test: str
    path: str
    line: int


class Marks(NamedTuple):
    """What the marks of a file say, and what is wrong with them."""

    attacks: tuple[Attack, ...]
    problems: tuple[str, ...]


def boundaries(root: Path = ROOT) -> list[Line]:
    """The boundaries of all bots that have a program, in the order of bots and files."""
    files = {path.relative_to(root).as_posix(): path for path in (root / "rules").rglob("*.yaml")}
    fleet = load({name: path.read_bytes() for name, path in files.items()}).fleet
    manifests = read_manifests(root / "bots")
    assert not manifests.errors, manifests.errors
    assert manifests.by_bot.keys() <= {bot.name for bot in fleet.bots}, manifests.by_bot.keys()
    found: list[Line] = []
    for bot in fleet.bots:
        if bot.name in manifests.by_bot:
            path = f"rules/bots/{bot.name.lower()}.yaml"
            lines = _places(path, files[path].read_bytes())
            found += [
                Line(bot.name, _name(one), one.reason, path, line)
                for one, line in zip(bot.boundaries, lines, strict=True)
            ]
    return found


def _places(path: str, data: bytes) -> list[int]:
    """The line of each boundary of a rule file."""
    node, _ = compose(path, data)
    assert isinstance(node, Mapping), path
    held = {key.text: value for key, value in node.entries}.get("boundaries")
    return [item.span.line for item in held.items] if isinstance(held, Sequence) else []


def _name(boundary: Boundary) -> str:
    return boundary.deny if boundary.on == "*" else f"{boundary.deny} on {boundary.on}"


def marks(root: Path = ROOT) -> Marks:
    """What all tests say."""
    paths = sorted((root / "tests").rglob("test_*.py"))
    read = [marks_of(path.relative_to(root).as_posix(), path.read_text()) for path in paths]
    return Marks(
        tuple(attack for one in read for attack in one.attacks),
        tuple(problem for one in read for problem in one.problems),
    )


def marks_of(path: str, text: str) -> Marks:
    """What the tests in the file at `path` say."""
    if MARK not in text:
        return Marks((), ())
    tree = ast.parse(text, path)
    attacks: list[Attack] = []
    problems: list[str] = []
    of_tests: set[int] = set()
    for test in (one for one in ast.walk(tree) if isinstance(one, TESTS)):
        inside = [node for deed in test.decorator_list for node in ast.walk(deed)]
        calls = [node for node in inside if isinstance(node, ast.Call) and _is(node.func, MARK)]
        if not calls or not test.name.startswith("test_"):
            continue
        of_tests |= {id(call.func) for call in calls}
        if any(_is(node, name) for node in inside for name in SKIPS):
            problems.append(
                f"{path}:{test.lineno}: `{test.name}` attacks a boundary, but may be skipped"
            )
        for call in calls:
            read = _attacks(path, test.name, call)
            attacks += read
            problems += [] if read else [f"{path}:{call.lineno}: a mark must be {USAGE}"]
    problems += [
        f"{path}:{node.lineno}: this mark is on no test"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is(node, MARK) and id(node) not in of_tests
    ]
    return Marks(tuple(attacks), tuple(problems))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == name


def _attacks(path: str, test: str, call: ast.Call) -> list[Attack]:
    """What a mark says; nothing if it is not one that can be read without running it."""
    words = [one.value for one in call.args if isinstance(one, ast.Constant)]
    names = [one for one in words if isinstance(one, str)]
    planes = [
        one.value.value
        for one in call.keywords
        if one.arg == "plane" and isinstance(one.value, ast.Constant)
    ]
    if len(names) != len(call.args) or len(planes) != len(call.keywords) or len(planes) != 1:
        return []
    bot, *denied = names or [""]
    return [Attack(bot, one, str(planes[0]), test, path, call.lineno) for one in denied]


def problems(lines: Iterable[Line], found: Marks) -> list[str]:
    """Why not every boundary is known to be attacked; empty if all are. Each names file:line."""
    known = {(one.bot, one.denies): one for one in lines}
    said = list(found.problems)
    held: dict[tuple[str, str], set[str]] = {name: set() for name in known}
    for attack in found.attacks:
        where = f"{attack.path}:{attack.line}: `{attack.test}`"
        if attack.plane not in PLANES:
            planes = ", ".join(f"`{one}`" for one in PLANES)
            said.append(f"{where} names the plane `{attack.plane}`; there are {planes}")
        if (attack.bot, attack.denies) in known:
            held[attack.bot, attack.denies].add(attack.plane)
        else:
            said.append(f"{where} attacks `{attack.denies}`, no boundary of `{attack.bot}`")
    for name, line in known.items():
        said += [f"{line.path}:{line.line}: {one}" for one in _lacking(line, held[name])]
    return said


def _lacking(line: Line, planes: set[str]) -> Iterator[str]:
    what = f"`deny: {line.denies}` of `{line.bot}`"
    for plane in sorted(ALWAYS - planes):
        yield f"no test shows that the {plane} stops {what}"
    if not planes & OUTSIDE:
        one_of = ", ".join(f"`{one}`" for one in PLANES if one in OUTSIDE)
        yield f"no test has the bot itself try {what} (planes: {one_of})"


INTRODUCTION: Final = """\
<!-- Generated by tests/boundaries.py from rules/bots and the tests; `make generate` writes it. -->
# Boundaries and the tests that try to break them

A boundary is a line of a rule file that says what a bot must never do. For every bot that has a
program, each line has tests that try to do it all the same, and name the plane that stops them.
Nothing in them is simulated: the program runs in the real sandbox under the bot's own grants, the
connection to the real NATS server has the bot's own credentials.

| plane | what stops there |
|---|---|
"""
DEMANDS: Final = """
Every line holds on the planes *proof* and *decision*, and on at least one of the others: what
stops a bot that does not ask. `tests/bots/test_boundaries.py` fails for a line that has no such
tests, and for a test that names a boundary or a plane which does not exist.
"""


def page(lines: Iterable[Line], attacks: Iterable[Attack]) -> str:
    """docs/boundaries.md."""
    table = "".join(f"| {plane} | {what} |\n" for plane, what in PLANES.items())
    rows = list(lines)
    known = list(attacks)
    bots = list(dict.fromkeys(one.bot for one in rows))
    sections = "".join(
        f"\n## {bot}\n\n| boundary | planes | tests |\n|---|---|---|\n"
        + "".join(_row(one, known) for one in rows if one.bot == bot)
        for bot in bots
    )
    return INTRODUCTION + table + DEMANDS + sections


def _row(line: Line, attacks: list[Attack]) -> str:
    """A row; planes that the same tests attack share their list."""
    planes: dict[str, list[str]] = {}
    for plane in PLANES:
        names = _tests(line, plane, attacks)
        if names:
            planes.setdefault(names, []).append(plane)
    held = [plane for plane in PLANES if any(plane in one for one in planes.values())]
    shown = "<br>".join(f"*{', '.join(one)}*: {names}" for names, one in planes.items())
    where = f"[{line.path}:{line.line}](../{line.path}#L{line.line})"
    reason = line.reason.replace("|", "\\|")
    return f"| `{line.denies}`: {reason}<br>{where} | {', '.join(held)} | {shown} |\n"


def _tests(line: Line, plane: str, attacks: list[Attack]) -> str:
    wanted = (line.bot, line.denies, plane)
    mine = [one for one in attacks if (one.bot, one.denies, one.plane) == wanted]
    return ", ".join(dict.fromkeys(f"[{one.test}](../{one.path})" for one in mine))


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    wanted, place = page(boundaries(), marks().attacks), ROOT / PAGE
    if place.is_file() and place.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in arguments:
        sys.stdout.write(f"out of date: {PAGE}\n")
        return 1
    place.write_text(wanted, encoding="utf-8")
    sys.stdout.write(f"wrote: {PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
