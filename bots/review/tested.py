"""What became of the tests: gone, checking less, passed over, or not touched at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comment import Spot, comment, names
from source import is_python, is_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api import Pair
    from change import Changed
    from comment import Comment
    from project import Tree
    from source import Function, Module

UNTESTED = {"bench", "benchmark", "benchmarks", "doc", "docs", "examples"}
"""Folders of code that nobody writes tests for: running it is the test."""

ENOUGH = 3  # so many lines of code are worth a test


def found(pairs: list[Pair], changes: list[Changed], after: Tree) -> list[Comment]:
    """All about the tests of a change; `pairs` are those of its files that can be read."""
    of_tests = [pair for pair in pairs if is_test(pair.changed.path)]
    others = [pair for pair in pairs if not is_test(pair.changed.path)]
    fresh = {
        name.rpartition(".")[2]
        for pair in of_tests
        for name in _tests(pair.new).keys() - _tests(pair.old).keys()
    }
    dropped = {name.rpartition(".")[2] for pair in others for name in _dropped(pair)}
    stems = [
        pair.changed.path.rpartition("/")[2].rpartition(".")[0]
        for pair in others
        if pair.changed.new is None
    ]
    dropped |= set(stems)
    comments = [
        one
        for pair in of_tests
        if not any(stem in _words(pair.changed.path) for stem in stems)
        for one in _gone(pair, fresh, dropped)
    ]
    comments += [one for pair in of_tests for one in _weaker(pair)]
    touched = any(is_test(one.path) for one in changes)
    return [*comments, *(() if touched else _untouched(others, after))]


def _words(path: str) -> set[str]:
    """The words in the name of a file: ``test`` and ``simple`` of ``test_simple.py``."""
    return set(path.rpartition("/")[2].rpartition(".")[0].split("_"))


def _tests(module: Module | None) -> dict[str, Function]:
    functions = module.functions if module else {}
    return {
        name: one
        for name, one in functions.items()
        if name.rpartition(".")[2].startswith("test")
        and (("." not in name) or name.startswith("Test") or "Test" in name.partition(".")[0])
    }


def _dropped(pair: Pair) -> set[str]:
    """What is no longer in a file, and so needs no test."""
    old = {*pair.old.functions, *pair.old.classes} if pair.old else set()
    return old - ({*pair.new.functions, *pair.new.classes} if pair.new else set())


def _gone(pair: Pair, fresh: set[str], dropped: set[str]) -> Iterator[Comment]:
    """Tests that are not there any more, but for those of code that is gone and those moved."""
    if pair.old is None or (pair.new is None and pair.changed.new is not None):
        return
    was = _tests(pair.old)
    lost = [
        one
        for name, one in was.items()
        if name not in _tests(pair.new)
        and name.rpartition(".")[2] not in fresh
        and not one.words & dropped
    ]
    if pair.new is not None:  # a name that is defined twice is not among the tests
        lost = [one for one in lost if one.name not in pair.new.names]
    instead = len(_tests(pair.new).keys() - was.keys())  # as many new ones: they have other names
    if len(lost) > instead:
        first = min(lost, key=lambda one: one.line)
        spot = Spot(pair.changed.path, first.line, first.end, first.text, "left")
        yield comment(
            "test-removed",
            "medium",
            spot,
            f"Tests of code that is still there are gone: {names([one.name for one in lost])}",
            "Keep them, or say in the change why they are not needed",
        )


def _weaker(pair: Pair) -> Iterator[Comment]:
    """Tests that check less than before, or are not run any more."""
    if pair.old is None or pair.new is None:
        return
    for name, was in _tests(pair.old).items():
        now = _tests(pair.new).get(name)
        if now is None:
            continue
        spot = Spot(pair.changed.path, now.line, now.end, now.text)
        if now.skips > was.skips:
            hint = "Mend it, or name the issue in the reason"
            yield comment("test-skipped", "medium", spot, f"`{name}` is passed over now", hint)
        if now.checks < was.checks and now.digest != was.digest:
            said = f"`{name}` checks less: {was.checks} checks before, {now.checks} now"
            hint = "Keep what was checked, or say in the change why it is not needed"
            yield comment("test-weakened", "medium", spot, said, hint)


def _untouched(others: list[Pair], after: Tree) -> Iterator[Comment]:
    """Code that does something else now, in a project that has tests, and none of them changed."""
    has_tests = any(is_test(path) and is_python(path) for path in after.entries)
    if not has_tests:
        return
    for pair in others:
        if UNTESTED & set(pair.changed.path.split("/")[:-1]):
            continue
        old = pair.old.functions if pair.old else {}
        for name, now in pair.new.functions.items() if pair.new else ():
            was = old.get(name)
            if now.end - now.line >= ENOUGH and (was is None or was.digest != now.digest):
                spot = Spot(pair.changed.path, now.line, now.end, now.text)
                said = f"`{name}` does something else now, and no test was touched"
                said = said if was else f"`{name}` is new, and no test was touched"
                yield comment(
                    "tests-not-touched", "low", spot, said, "Add a test that would fail without it"
                )
                return
