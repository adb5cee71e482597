"""Which mounts a policy leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lotabots.adapters.sandbox.mounts import (
    Bind,
    Kind,
    Link,
    Plan,
    exchanged,
    follow,
    nearest,
    plan,
    within,
)
from lotabots.policy.project_kernel import KernelPolicy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/c", "out", "lib/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib/bin/tool").touch()
    return tmp_path


def _same(kind: Kind, path: Path) -> Bind:
    found = path.stat()
    return Bind(kind, str(path), str(path), (found.st_dev, found.st_ino))


def test_an_outer_grant_covers_an_inner_one(tree: Path) -> None:
    found = plan(KernelPolicy(read=(f"{tree}/a/b/c", f"{tree}/a", f"{tree}/a/b")))
    assert found == Plan((_same(Kind.READ, tree / "a"),), (), ())


def test_code_inside_data_gets_its_own_mount(tree: Path) -> None:
    found = plan(KernelPolicy(read=(str(tree),), exec=(f"{tree}/lib/bin/tool",)))
    assert found.binds == (_same(Kind.READ, tree), _same(Kind.EXEC, tree / "lib/bin/tool"))
    assert found.programs == (f"{tree}/lib/bin/tool",)


def test_data_inside_code_stays_mappable(tree: Path) -> None:
    found = plan(KernelPolicy(runtime=(f"{tree}/lib",), read=(f"{tree}/lib/bin",)))
    assert found.binds == (_same(Kind.RUNTIME, tree / "lib"),)


def test_a_program_inside_a_library_needs_no_mount_but_is_a_program(tree: Path) -> None:
    tool = f"{tree}/lib/bin/tool"
    found = plan(KernelPolicy(runtime=(f"{tree}/lib",), exec=(tool,)))
    assert found.binds == (_same(Kind.RUNTIME, tree / "lib"),)
    assert found.programs == (tool,)


def test_a_write_grant_inside_a_read_grant_is_mounted_over_it(tree: Path) -> None:
    found = plan(KernelPolicy(read=(str(tree),), write=(f"{tree}/out",)))
    assert found.binds == (_same(Kind.READ, tree), _same(Kind.WRITE, tree / "out"))


def test_the_same_path_for_reading_and_writing_is_for_writing(tree: Path) -> None:
    found = plan(KernelPolicy(read=(f"{tree}/out",), write=(f"{tree}/out",)))
    assert found.binds == (_same(Kind.WRITE, tree / "out"),)


def test_links_on_the_way_are_made_again(tree: Path) -> None:
    (tree / "link").symlink_to("a")
    (tree / "a" / "deep").symlink_to(tree / "lib")
    real, links = follow(f"{tree}/link/deep/bin")
    assert real == f"{tree}/lib/bin"
    assert links == (Link(f"{tree}/link", "a"), Link(f"{tree}/a/deep", str(tree / "lib")))


def test_a_link_that_a_mount_shows_is_not_made(tree: Path) -> None:
    (tree / "a" / "link").symlink_to("b")
    found = plan(KernelPolicy(read=(f"{tree}/a", f"{tree}/a/link")))
    assert found.links == ()


def test_what_is_exchanged_after_the_look_is_noticed(tree: Path) -> None:
    found = plan(KernelPolicy(read=(f"{tree}/a", f"{tree}/lib"), write=(f"{tree}/out",)))
    assert list(exchanged(found.binds)) == []
    (tree / "a").rename(tree / "old")
    (tree / "a").symlink_to("lib")
    (tree / "out").rmdir()
    assert list(exchanged(found.binds)) == [f"{tree}/a", f"{tree}/out"]


def test_the_order_of_grants_does_not_matter(tree: Path) -> None:
    paths = (f"{tree}/a/b", f"{tree}/lib", f"{tree}/a")
    assert plan(KernelPolicy(read=paths)) == plan(KernelPolicy(read=paths[::-1]))


def test_a_name_that_begins_alike_is_not_below() -> None:
    assert within("/a/b", "/a")
    assert within("/a", "/a")
    assert not within("/ab", "/a")
    assert nearest("/ab", [Bind(Kind.READ, "/a", "/a", (0, 0))]) is None
