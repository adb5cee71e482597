"""TestBot with the layouts that projects have, and with what their tests ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bots.trials import CODE, GOOD, Trial, failed, passed, reasons, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

HELPING = "from aid import V\n\ndef test_it_helps():\n    assert V == '1.0'\n"


@pytest.fixture
def trial(workshop: Workshop) -> Trial:
    return Trial(workshop)


@pytest.fixture
def wheelhouse(workshop: Workshop) -> Path:
    """A wheelhouse with the package `aid`, version 1.0."""
    place = workshop.folder / "wheelhouse"
    place.mkdir()
    workshop.places["wheelhouse"] = place
    put(place, "aid")
    return place


def put(place: Path, name: str, *, needs: str = "", tag: str = "py3-none-any") -> None:
    facts = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    facts += f"Requires-Dist: {needs}\n" if needs else ""
    data = wheel({f"{name}.py": "V = '1.0'\n"}, metadata=facts, stem=f"{name}-1.0")
    (place / f"{name}-1.0-{tag}.whl").write_bytes(data)


@pytest.mark.parametrize(
    "files",
    [
        {"test/test_sums.py": GOOD},
        {"testing/test_sums.py": GOOD},
        {"tests/unit/sums_test.py": GOOD},
        {"tests/test_sums.py": GOOD, "test/test_more.py": GOOD.replace("test_sums", "test_more")},
    ],
    ids=" ".join,
)
def test_tests_are_found_where_projects_have_them(trial: Trial, files: dict[str, str | bytes]):
    done = passed(trial.run({**CODE, **files}))
    assert done["checked"] == len(files)


def test_what_is_called_testing_beside_tests_is_code(trial: Trial):
    files: dict[str, str | bytes] = {"tests/test_a.py": GOOD, "testing/test_b.py": "assert False\n"}
    assert passed(trial.run(files))["checked"] == 1


def test_tests_import_what_lies_beside_them_as_pytest_lets_them_by_default(trial: Trial):
    files: dict[str, str | bytes] = {
        "test/beside.py": "X = 1\n",
        "test/test_a.py": "from beside import X\n\ndef test_a(): assert X\n",
        "test/deep/near.py": "Y = 1\n",
        "test/deep/test_b.py": "from near import Y\n\ndef test_b(): assert Y\n",
        "tests/__init__.py": "Z = 1\n",
        "tests/test_c.py": "from . import Z\nfrom tests.more import W\n\ndef test_c(): assert Z\n",
        "tests/more/__init__.py": "W = 1\n",
        "tests/more/test_d.py": "from .. import Z\nfrom . import W\n\ndef test_d(): assert W\n",
    }
    assert passed(trial.run(files))["checked"] == 4


def test_what_lies_beside_a_test_hides_nothing_of_the_wheel(trial: Trial):
    files: dict[str, str | bytes] = {"test/test_a.py": GOOD, "test/demo/sums.py": "add = None\n"}
    assert passed(trial.run(files))["checked"] == 1


def test_fixtures_at_the_top_of_the_project_count(trial: Trial):
    files: dict[str, str | bytes] = {
        "conftest.py": "import pytest\n\n@pytest.fixture\ndef two(): return 2\n",
        "test/test_a.py": "def test_a(two): assert two == 2\n",
    }
    assert passed(trial.run(files))["checked"] == 1


def test_a_conftest_at_the_top_that_ends_the_program_is_an_error(trial: Trial):
    files: dict[str, str | bytes] = {
        "conftest.py": "raise SystemExit(0)\n",
        "tests/test_a.py": GOOD,
    }
    assert failed(trial.run(files))["outcome"] == "error"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", '[dependency-groups]\ntest = ["aid>=1"]\n'),
        ("pyproject.toml",
         '[dependency-groups]\ndev = [{include-group = "T_Y"}]\nt-y = ["ruff", "aid"]\n'),
        ("requirements/tests.in", "pytest\naid\n"),
        ("requirements/dev.txt", "-r tests.txt\naid==1.0 \\\n    --hash=sha256:00\n"),
        ("requirements-test.txt", "# what tests need\n\naid ; python_version > '3'  # this one\n"),
        ("test_requirements.txt", "no such thing!\naid\n"),
        ("tests/requirements.txt", "aid\n"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("wheelhouse")
def test_what_tests_ask_for_comes_from_the_wheelhouse(trial: Trial, path: str, text: str):
    assert passed(trial.run({"tests/test_a.py": HELPING, path: text}))["checked"] == 1


@pytest.mark.usefixtures("wheelhouse")
def test_a_pin_that_the_wheelhouse_does_not_have_gives_way_to_what_it_was_made_from(trial: Trial):
    files: dict[str, str | bytes] = {
        "tests/test_a.py": HELPING,
        "requirements/tests.txt": "aid==0.9\n",
        "requirements/tests.in": "aid\n",
    }
    assert passed(trial.run(files))["checked"] == 1


def test_a_module_that_is_missing_is_named_with_what_the_tests_ask_for(trial: Trial):
    said = '[dependency-groups]\ntest = ["aid", "pytest"]\n'
    ran = trial.run({"tests/test_a.py": HELPING, "pyproject.toml": said})
    why = reasons(failed(ran))
    assert "No module named 'aid'" in why["tests/test_a.py"]
    assert why["tests"] == "they ask for `aid`, which toolbox and wheelhouse do not have"


def test_what_is_asked_for_may_lack_something_itself(wheelhouse: Path, trial: Trial):
    put(wheelhouse, "half", needs="other-half")
    put(wheelhouse, "compiled", tag="cp311-cp311-linux_x86_64")
    said = '[dependency-groups]\ntest = ["half", "aid", "compiled"]\n'
    files: dict[str, str | bytes] = {"tests/test_a.py": HELPING, "pyproject.toml": said}
    assert passed(trial.run(files))["checked"] == 1


@pytest.mark.parametrize("text", ["][", "[dependency-groups]\ntest = 5\n", "dependency-groups = 1"])
def test_an_odd_pyproject_asks_for_nothing(trial: Trial, text: str):
    assert passed(trial.run({"tests/test_a.py": GOOD, "pyproject.toml": text}))["checked"] == 1
