"""BuildBot with the build backends that projects use, and versions that stand in tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from executor.workshop import commit, git

if TYPE_CHECKING:
    from bots.yards import Yard

SOURCE: dict[str, str | bytes] = {"thing/__init__.py": '"""A thing."""\n\n__version__ = "1.2"\n'}
STATIC = {
    "flit": 'requires = ["flit_core >=3.2,<4"]\nbuild-backend = "flit_core.buildapi"',
    "hatch": 'requires = ["hatchling", "hatch-fancy-pypi-readme"]\n'
    'build-backend = "hatchling.build"',
    "pdm": 'requires = ["pdm-backend"]\nbuild-backend = "pdm.backend"',
    "poetry": 'requires = ["poetry-core>=2.0"]\nbuild-backend = "poetry.core.masonry.api"',
    "setuptools": 'requires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"',
}
FROM_TAGS = {
    "hatch": 'requires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"\n'
    '[tool.hatch.version]\nsource = "vcs"\n',
    "setuptools": 'requires = ["setuptools>=80", "setuptools_scm[toml]>=8"]\n'
    'build-backend = "setuptools.build_meta"\n[tool.setuptools_scm]\n',
}


def project(system: str, said: str) -> dict[str, str | bytes]:
    text = f'[build-system]\n{system}\n[project]\nname = "thing"\ndescription = "x"\n{said}\n'
    return {**SOURCE, "pyproject.toml": text}


def version(yard: Yard, files: dict[str, str | bytes], *, tag: str = "", after: int = 0) -> str:
    """The version that a commit of `files` is built as, so many commits after one with a tag."""
    bare, commit_id = commit(yard.workshop.folder / "r", files)
    if tag:
        git(bare, "tag", tag, commit_id)
    tree = git(bare, "rev-parse", f"{commit_id}^{{tree}}")
    for _ in range(after):
        commit_id = git(bare, "commit-tree", tree, "-p", commit_id, "-m", "one more")
    done = yard.build_commit(bare, commit_id).payload("build.completed")
    return str(done["artifact"]["name"]).split("-")[1]


@pytest.mark.parametrize("backend", STATIC)
def test_the_usual_backends_are_there(yard: Yard, backend: str):
    assert version(yard, project(STATIC[backend], 'version = "1.2"')) == "1.2"


@pytest.mark.parametrize("backend", FROM_TAGS)
def test_a_version_that_stands_in_a_tag_is_found(yard: Yard, backend: str):
    files = project(FROM_TAGS[backend], 'dynamic = ["version"]')
    assert version(yard, files, tag="v1.2") == "1.2"


def test_a_commit_after_a_tag_is_on_its_way_to_the_next_version(yard: Yard):
    files = project(FROM_TAGS["setuptools"], 'dynamic = ["version"]')
    assert version(yard, files, tag="v1.2", after=1).startswith("1.3.dev1+g")


def test_what_a_source_distribution_says_comes_before_tags(yard: Yard):
    files = project(FROM_TAGS["setuptools"], 'dynamic = ["version"]')
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: thing\nVersion: 4.5\n"
    assert version(yard, files, tag="v1.2") == "4.5"
