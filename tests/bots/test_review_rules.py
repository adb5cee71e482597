"""What ReviewBot says about changes, rule by rule, and where it must be silent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bots.reviewing import changed

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = {"README.md": "x\n"}

PATTERNS = """\
import asyncio
import time


def debugs():
    breakpoint()


def swallows(work):
    try:
        work()
    except Exception:
        return None


def swallows_nothing(work, log):
    try:
        work()
    except ValueError:
        return None
    except (KeyError, Exception) as error:
        log(error)
    try:
        work()
    except Exception:
        raise
    try:
        work()
    except Exception:
        pass  # SecurityBot's
    try:
        work()
    except:
        return 1  # LintBot's


def leaks(path):
    text = open(path).read()
    file = open(path)
    for line in file.readlines():
        print(line)
    return text


def closes(path, stack, use):
    with open(path) as one:
        one.read()
    two = open(path)
    try:
        two.read()
    finally:
        two.close()
    three = stack.enter_context(open(path))
    four = open(path)
    use(four)
    five = open(path)
    return three, five


async def forgets(work):
    asyncio.create_task(work())
    kept = asyncio.create_task(work())
    time.sleep(1)
    await kept


def never(x):
    if x:
        return 1
        x += 1
    raise ValueError
    return 2


def generates_nothing():
    return
    yield


def defaults(a=[]):  # LintBot's
    return a
"""


def test_patterns_are_found_in_what_came_and_nowhere_else(tmp_path: Path):
    before = {"app.py": "def old():\n    breakpoint()\n"}
    after = {"app.py": f"{before['app.py']}\n\n{PATTERNS}"}
    said = changed(tmp_path, before, after)
    first = 5  # the lines before the patterns, less one
    assert [(rule, line - first + 1) for rule, _, line in said.rules] == [
        ("T100", 6),
        ("BLE001", 12),
        ("SIM115", 38),
        ("SIM115", 39),
        ("RUF006", 61),
        ("ASYNC251", 63),
        ("unreachable", 70),
        ("unreachable", 72),
    ]


CODE = """\
# old = compute(1, 2)
# for one in old:
#     print(one)

#raise ValueError

    # if x:
    #     return [1]
"""
WORDS = """\
# A sentence, (with brackets) and = signs.

# return value of the function

# type: ignore[x]

# noqa: F401

# x

# see also: y

# https://example.org/a?b=1

#: X = compute()

# the total, rounded

# if x
# return y

# not this
"""
TASKS = """\
# TODO: later
# TODO(#12): later
# FIXME see
# https://example.org/issues/3
# XXX ABC-123
Y = 2  # TODO some day
Z = 3  # a word about TODOs, and of todo
"""


def test_commented_code_and_tasks_without_a_reference_are_found(tmp_path: Path):
    files = {"code.py": CODE, "words.py": WORDS, "tasks.py": TASKS}
    said = changed(tmp_path, EMPTY, files)
    assert said.rules == [
        ("ERA001", "code.py", 1),
        ("ERA001", "code.py", 5),
        ("ERA001", "code.py", 7),
        ("TD003", "tasks.py", 1),
        ("TD003", "tasks.py", 6),
    ]
    assert [one["end_line"] for one in said.document["comments"]] == [3, 5, 8, 1, 6]


def test_lines_of_other_languages_are_looked_at(tmp_path: Path):
    before = {"a.js": "debugger;\nwork();\n"}
    after = {
        "a.js": "debugger;\nwork();\n  debugger\nlet debuggers = 1;\n",
        "b.test.ts": "it.only('x', () => {});\nfit.only('y');\n",
        "notes.md": "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n",
        "quoted.md": "A mark is `<<<<<<< HEAD`.\n\nTitle\n=======\n",
    }
    assert changed(tmp_path, before, after).rules == [
        ("no-debugger", "a.js", 3),
        ("no-only-tests", "b.test.ts", 1),
        ("check-merge-conflict", "notes.md", 1),
    ]


SHOP = """\
def total(prices, currency="EUR"):
    return sum(prices), currency


def receipt(number, /, *, copies=1):
    return number, copies


def _internal(a):
    return a


class Cart:
    def __init__(self, owner):
        self.owner = owner

    def add(self, item):
        return item

    def drop(self, item):
        return item


def old_discount(price):
    return price


RATE = 3
"""
SHOP_LATER = """\
def total(prices, rounding, currency="EUR", *, exact=False):
    return sum(prices), currency, rounding, exact


def receipt(number, /, *, copies=1, paper="A4"):
    return number, copies, paper


def _internal(a, b):
    return a, b


class Cart:
    def __init__(self, owner, place):
        self.owner = owner, place

    def add(self, item):
        return item
"""
USERS = """\
from shop import cart
from shop.cart import RATE, Cart, old_discount, receipt, total


def use(prices):
    total(prices)
    total(prices, 2)
    total(prices, rounding=2)
    total(*prices)
    total(**prices)
    total()
    cart.total(prices, "EUR", 1, 2, 3)
    cart.total(prices, currency="USD")
    receipt(1)
    Cart("ann")
    Cart("ann", "here")
    cart.old_discount(1)
    return cart.RATE


def hands_on(total):
    return total(1)
"""


MAYBE = "try:\n    from shop.cart import RATE\nexcept ImportError:\n    RATE = 1\n"


def test_what_callers_relied_on_and_who_still_does_is_found(tmp_path: Path):
    before = {
        "src/shop/__init__.py": "",
        "src/shop/cart.py": SHOP,
        "src/shop/use.py": USERS.partition("\n\n\ndef hands_on")[0] + "\n",
        "src/shop/hands_on.py": USERS.replace(
            "use(prices)", "use(prices, Cart=1, cart=2, receipt=3)"
        ),
        "src/shop/local.py": "from .cart import total\n\nX = total([1])\n",
        "src/shop/shadow.py": "from shop.cart import total\n\ntotal = 1\ntotal([1])\n",
        "src/shop/maybe.py": MAYBE,
        "src/other/cart.py": "def total(a):\n    return a\n",
        "src/other/use.py": "from cart import total\n\ntotal(1)\n",
        "docs/use.md": "Call `old_discount(price)`.\n",
        "CHANGELOG.md": "# Changes: old_discount came\n",
    }
    said = changed(tmp_path, before, {"src/shop/cart.py": SHOP_LATER})
    assert said.rules == [
        ("changelog-not-touched", "src/shop/cart.py", 0),
        ("parameter-added-required", "src/shop/cart.py", 1),
        ("parameter-added-required", "src/shop/cart.py", 14),
        ("object-removed", "src/shop/cart.py", 20),
        ("object-removed", "src/shop/cart.py", 24),
        # A name with two meanings in a file may be any of them, but an import is certain.
        ("no-name-in-module", "src/shop/hands_on.py", 2),
        ("no-name-in-module", "src/shop/hands_on.py", 2),
        ("no-value-for-parameter", "src/shop/local.py", 3),
        ("no-name-in-module", "src/shop/use.py", 2),
        ("no-name-in-module", "src/shop/use.py", 2),
        ("no-value-for-parameter", "src/shop/use.py", 6),
        ("no-value-for-parameter", "src/shop/use.py", 13),
        ("no-value-for-parameter", "src/shop/use.py", 15),
        ("no-member", "src/shop/use.py", 17),
        ("no-member", "src/shop/use.py", 18),
    ]
    assert said.of("no-value-for-parameter")[1:] == [
        "`total` was changed: this call gives no `rounding`, which has no default",
        "`total` was changed: this call gives no `rounding`, which has no default",
        "`Cart` was changed: this call gives no `place`, which has no default",
    ]
    assert {
        one["side"] for one in said.document["comments"] if one["rule"] == "object-removed"
    } == {"left"}


def test_a_module_that_is_gone_or_called_otherwise_is_missed_by_those_who_import_it(tmp_path: Path):
    before = {
        "shop/__init__.py": "",
        "shop/cart.py": SHOP,
        "shop/tax.py": "def vat(x):\n    return x\n",
        "shop/kept.py": "def kept_here(x):\n    return x\n",
        "use.py": "import shop.cart\nfrom shop import tax\nfrom shop.kept import kept_here\n",
        "README.md": "`old_discount` and `kept_here`, by `unusual_name_x`.\n",
    }
    after = {
        "shop/cart.py": None,
        "shop/basket.py": SHOP,
        "shop/tax.py": None,
        "shop/kept.py": None,
        "shop/kept/__init__.py": "def kept_here(x):\n    return x\n",
    }
    said = changed(tmp_path, before, after)
    assert said.rules == [
        ("object-removed", "shop/basket.py", 0),
        ("object-removed", "shop/tax.py", 0),
        ("import-error", "use.py", 1),
        ("import-error", "use.py", 2),
    ]
    assert [(one["path"], one["status"], one.get("from")) for one in said.document["files"]] == [
        ("shop/basket.py", "renamed", "shop/cart.py"),
        ("shop/kept/__init__.py", "renamed", "shop/kept.py"),
        ("shop/tax.py", "removed", None),
    ]


def test_documents_that_speak_of_what_is_gone_are_found(tmp_path: Path):
    before = {
        "shop.py": "def old_discount(x):\n    return x\n\n\ndef price(x):\n    return x\n",
        "docs/use.rst": "Use\n===\n\n``old_discount`` for a price.\n",
        "HISTORY.md": "old_discount came\n",
    }
    said = changed(tmp_path, before, {"shop.py": "X = 1\n", "HISTORY.md": "They went.\n"})
    assert said.rules == [
        ("docs-mention-removed", "docs/use.rst", 4),
        ("object-removed", "shop.py", 1),
        ("object-removed", "shop.py", 5),
    ]


TESTS = """\
import pytest


def test_sum():
    assert total([1]) == 1
    assert total([]) == 0


def test_price():
    with pytest.raises(ValueError):
        price(-1)


def test_moved():
    assert total([2]) == 2


def test_of_what_is_gone():
    assert gone(1) == 1


class TestCart:
    def test_add(self):
        assert True
"""
WEAKER = """\
import pytest


def test_sum():
    assert total([1]) == 1


@pytest.mark.skip
def test_price():
    with pytest.raises(ValueError):
        price(-1)


class TestCart:
    pass
"""


def test_tests_that_are_gone_or_weaker_are_found(tmp_path: Path):
    before = {"app.py": "def gone(x):\n    return x\n", "tests/test_app.py": TESTS}
    after = {
        "app.py": "X = 1\n",
        "tests/test_app.py": WEAKER,
        "tests/test_other.py": "def test_moved():\n    assert total([2]) == 2\n",
    }
    said = changed(tmp_path, before, after)
    assert said.rules == [
        ("object-removed", "app.py", 1),
        ("test-weakened", "tests/test_app.py", 4),
        ("test-skipped", "tests/test_app.py", 9),
        ("test-removed", "tests/test_app.py", 23),
    ]
    assert said.of("test-removed") == [
        "Tests of code that is still there are gone: `TestCart.test_add`"
    ]
    assert said.of("test-weakened") == ["`test_sum` checks less: 2 checks before, 1 now"]


def test_what_a_method_gets_by_itself_is_no_parameter_of_its_callers(tmp_path: Path):
    form = "class Cart:\n    def add(%s):\n        return item\n"
    said = changed(
        tmp_path,
        {"cart.py": form % "self, item"},
        {"cart.py": form % "this, item, /"},
    )
    assert said.of("parameter-changed-kind") == [
        "Callers of the public `Cart.add` may break: `item` can only be given by position now"
    ]
    assert said.of("parameter-removed") == []


LONG = "def work(x):\n    a = x\n    b = a\n    c = b\n    return c\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"test_a.py": ""}, {"app.py": LONG}, ["`work` is new, and no test was touched"]),
        (
            {"test_a.py": "", "app.py": LONG},
            {"app.py": LONG.replace("c = b", "c = -b")},
            ["`work` does something else now, and no test was touched"],
        ),
        ({"test_a.py": ""}, {"app.py": LONG, "test_a.py": "X = 1\n"}, []),
        ({"test_a.py": ""}, {"benchmarks/bench_app.py": LONG}, []),  # running it is its test
        ({}, {"app.py": LONG}, []),  # a project without tests
        ({"test_a.py": ""}, {"app.py": LONG, "test_a.py": "def f(:\n"}, []),  # touched all the same
        ({"test_a.py": ""}, {"app.py": "def work(x):\n    return x\n"}, []),  # too short to matter
        (
            {"test_a.py": "", "app.py": LONG},
            {"app.py": LONG.replace("    a = x", '    """Doc."""\n\n    a  =  x  # why')},
            [],
        ),
    ],
)
def test_code_that_changed_without_any_test_is_named_once(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], said: list[str]
):
    assert changed(tmp_path, {**EMPTY, **before}, after).of("tests-not-touched") == said


def branches(count: int) -> str:
    tests = "".join(f"    if x == {n}:\n        return {n}\n" for n in range(count))
    return f"def pick(x):\n{tests}    return x\n"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(2, 8, True), (1, 5, False), (5, 9, False), (4, 13, False), (13, 20, True), (9, 2, False)],
)
def test_complexity_that_rose_is_found_where_lintbot_says_nothing(
    tmp_path: Path, before: int, after: int, *, found: bool
):
    said = changed(tmp_path, {"app.py": branches(before)}, {"app.py": branches(after)})
    assert bool(said.of("complexity-rose")) is found


def test_large_changes_and_large_files_are_named(tmp_path: Path):
    after = {
        "a.txt": "x\n" * 300,
        "b.txt": "y\n" * 150,
        "uv.lock": "z\n" * 5000,
        "requirements.txt": "a==1 --hash=sha256:00\n" * 900,
        "logo.bin": b"\0" * 600_000,
    }
    said = changed(tmp_path, EMPTY, after)
    assert said.rules == [("large-change", "a.txt", 0), ("check-added-large-files", "logo.bin", 0)]
    assert said.of("large-change") == ["The change has 450 lines in 2 files"]


PYPROJECT = """\
[project]
name = "x"
dependencies = ["requests>=2"]
[project.optional-dependencies]
fast = []
[dependency-groups]
dev = ["pytest", {include-group = "fast"}]
"""
DEPENDENCIES = {
    "pyproject.toml": PYPROJECT,
    "uv.lock": "",
    "web/package.json": '{"dependencies": {"left": "1"}}',
    "web/yarn.lock": "",
    "rust/Cargo.toml": '[dependencies]\nserde = "1"\n',
    "rust/Cargo.lock": "",
    "requirements/dev.in": "ruff\n",
    "requirements/dev.txt": "ruff==1 --hash=sha256:00\n",
    "MANIFEST.in": "include x\n",
    "broken/package.json": "{",
}


def test_new_dependencies_and_locks_that_were_left_behind_are_found(tmp_path: Path):
    after = {
        "pyproject.toml": PYPROJECT.replace('"pytest"', '"pytest",\n "Typing.Extensions>=4"'),
        "web/package.json": '{\n"dependencies": {"left": "1",\n"right": "2"}}',
        "web/yarn.lock": "right\n",
        "rust/Cargo.toml": '[dependencies]\nserde = "2"\n',
        "requirements/dev.in": "ruff  # linter\nmypy\n",
        "requirements/dev.txt": "mypy==1 --hash=sha256:00\nruff==1 --hash=sha256:00\n",
        "MANIFEST.in": "include x\ninclude y\n",
        "broken/package.json": "{}",
    }
    assert changed(tmp_path, DEPENDENCIES, after).rules == [
        ("lock-out-of-step", "pyproject.toml", 0),
        ("dependency-added", "pyproject.toml", 8),
        ("dependency-added", "requirements/dev.in", 2),
        ("lock-out-of-step", "rust/Cargo.toml", 0),
        ("dependency-added", "web/package.json", 3),
    ]


@pytest.mark.parametrize(
    "table",
    ['[tool.pdm.dev-dependencies]\nx = ["pytest"]\n', '[tool.uv]\ndev-dependencies = ["pytest"]\n'],
)
def test_a_dependency_that_moves_to_another_table_is_not_new(tmp_path: Path, table: str):
    after = {"pyproject.toml": '[dependency-groups]\ndev = ["pytest"]\n'}
    assert changed(tmp_path, {"pyproject.toml": table}, after).rules == []


def test_a_change_that_is_as_it_should_be_has_no_comments(tmp_path: Path):
    before = {"app.py": LONG, "test_app.py": TESTS, "CHANGELOG.md": "x\n", **DEPENDENCIES}
    after = {
        "app.py": LONG.replace("def work(x)", "def work(x, *, exact=False)"),
        "test_app.py": TESTS + "\n\ndef test_exact():\n    assert work(1, exact=True)\n",
    }
    said = changed(tmp_path, before, after)
    assert (said.rules, said.payload["comments"]) == ([], [])
    assert json.dumps(said.document["by_rule"]) == "[]"
