"""Folders that a hostile job leaves in `incoming`: none of them becomes a release."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from hosting_shop import artifact, hosting, sample, short
from lotabots.adapters.clock import SystemClock
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.hosting.releases import Origin, Shelf, ShelfError, UnfitError
from lotabots.adapters.hosting.tree import Bounds, TreeError, copy_tree, tree_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORIGIN = Origin(artifact("v1"), "c", "j")
SMALL = Bounds(files=8, size=10_000, depth=3)


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def shelf(tmp_path: Path, incoming: Path) -> Shelf:
    return Shelf(tmp_path / "shop", incoming, clock=SystemClock(), bounds=SMALL)


def linked_file(folder: Path) -> None:
    (folder / "secret").symlink_to("/etc/passwd")


def linked_folder(folder: Path) -> None:
    (folder / "etc").symlink_to("/etc")


def dangling(folder: Path) -> None:
    (folder / "nothing").symlink_to("not-there")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def listener(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, short(folder / "s") as way:
        one.bind(way)


def setuid(folder: Path) -> None:
    (folder / "su").write_text("x")
    (folder / "su").chmod(0o4755)


def too_many(folder: Path) -> None:
    for number in range(9):
        (folder / f"f{number}").touch()


def too_large(folder: Path) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(2**40)


def too_deep(folder: Path) -> None:
    (folder / "a/b/c/d/e").mkdir(parents=True)


def odd_name(folder: Path) -> None:
    (folder / "a\nb").touch()


def no_text(folder: Path) -> None:
    os.close(os.open(os.fsencode(folder) + b"/\xff", os.O_CREAT | os.O_WRONLY))


TRICKS = [
    (linked_file, "`secret` is a symbolic link; a release holds files and folders"),
    (linked_folder, "`etc` is a symbolic link; a release holds files and folders"),
    (dangling, "`nothing` is a symbolic link; a release holds files and folders"),
    (pipe, "`pipe` is a pipe; a release holds files and folders"),
    (listener, "`s` is a socket; a release holds files and folders"),
    (setuid, "`su` would run as somebody else (setuid or setgid)"),
    (too_many, "there are more than 8 files and folders"),
    (too_large, "the files are larger than 10000 bytes together"),
    (too_deep, "folders are nested more than 3 deep"),
    (odd_name, "'a\\nb' is not a name that a release may hold"),
    (no_text, "'\\udcff' is not a name that a release may hold"),
]


@pytest.mark.parametrize(("trick", "said"), TRICKS, ids=[one.__name__ for one, _ in TRICKS])
def test_a_hostile_folder_is_refused_and_removed(
    shelf: Shelf, incoming: Path, trick: Callable[[Path], None], said: str
):
    folder = incoming / "in"
    folder.mkdir()
    trick(folder)
    with pytest.raises(UnfitError) as refusal:
        shelf.seal("in", ORIGIN)
    assert str(refusal.value) == said
    assert not shelf.book.releases
    assert list(incoming.iterdir()) == []
    assert list(shelf.place("x").parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused(shelf: Shelf, incoming: Path):
    folder = incoming / "in"
    folder.mkdir()
    os.mknod(folder / "zero", 0o20666, os.makedev(1, 5))
    with pytest.raises(UnfitError, match="`zero` is a device"):
        shelf.seal("in", ORIGIN)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../shop/releases/1-x", "/etc", "a/b", ".part-1", "a\0b", "x" * 200, "é"],
)
def test_a_name_that_leads_elsewhere_is_refused(shelf: Shelf, incoming: Path, name: str):
    (incoming / "bystander").mkdir()
    with pytest.raises(UnfitError, match="`incoming` is the name of one folder"):
        shelf.seal(name, ORIGIN)
    assert (incoming / "bystander").is_dir()


def test_a_link_in_the_place_of_the_folder_is_refused_and_only_the_link_goes(
    shelf: Shelf, incoming: Path, tmp_path: Path
):
    other = tmp_path / "other"
    sample(other)
    (incoming / "in").symlink_to(other)
    with pytest.raises(UnfitError, match="there is no folder `in` in incoming"):
        shelf.seal("in", ORIGIN)
    assert list(incoming.iterdir()) == []
    assert (other / "shop.py").exists()


def test_what_is_not_there_is_refused(shelf: Shelf):
    with pytest.raises(UnfitError, match="there is no folder `in` in incoming: No such file"):
        shelf.seal("in", ORIGIN)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "g" * 64, "md5:" + "a" * 32, "../x"])
def test_an_artifact_that_is_no_digest_names_no_folder(shelf: Shelf, incoming: Path, digest: str):
    sample(incoming / "in")
    with pytest.raises(UnfitError, match="`artifact` is a digest"):
        shelf.seal("in", Origin(digest, "c", "j"))


def test_who_keeps_a_file_open_changes_nothing_that_was_sealed(shelf: Shelf, incoming: Path):
    folder = incoming / "in"
    sample(folder)
    os.link(folder / "shop.py", incoming / "other-name")
    with (folder / "shop.py").open("a") as still_open, (incoming / "other-name").open("a") as also:
        release = shelf.seal("in", ORIGIN)
        for file in (still_open, also):
            file.write("import os; os.system('id')\n")
    assert shelf.damage(release) == ""


def test_a_file_that_was_changed_after_sealing_is_found(shelf: Shelf, incoming: Path):
    sample(incoming / "in")
    release = shelf.seal("in", ORIGIN)
    file = shelf.place(release) / "shop.py"
    file.chmod(0o644)
    file.write_text("other")
    assert shelf.damage(release).startswith(
        f"the folder of `{release}` was changed: its files hash to sha256:"
    )


def test_the_digest_depends_on_names_and_bytes_alone(tmp_path: Path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder, version in ((one, "1"), (two, "1"), (three, "2")):
        sample(folder, version=version)
    (two / "shop.py").chmod(0o755)
    digests = []
    for folder in (one, two, three):
        opened = os.open(folder, os.O_RDONLY)
        digests.append(tree_digest(opened))
        os.close(opened)
    assert digests[0] == digests[1] != digests[2]


def test_a_copy_has_the_digest_of_what_was_copied(tmp_path: Path):
    source, target = tmp_path / "source", tmp_path / "target"
    sample(source)
    target.mkdir()
    ends = [os.open(folder, os.O_RDONLY) for folder in (source, target)]
    assert copy_tree(*ends) == tree_digest(ends[0]) == tree_digest(ends[1])
    with pytest.raises(TreeError, match="more than 1 files"):
        tree_digest(ends[1], bounds=Bounds(files=1))
    for end in ends:
        os.close(end)


async def test_a_door_says_why_a_folder_is_no_release(tmp_path: Path):
    async with hosting(tmp_path, Sandbox(None, problem="none")) as host:
        folder = host.tree("staging", "in-v1", version="v1")
        (folder / "link").symlink_to("/")
        body = {"incoming": "in-v1", "artifact": artifact("v1"), "job": "j"}
        path = "/services/shop/staging/releases"
        answer = await host.call("deploy-staging", "POST", path, body)
        assert answer.status == 422
        assert answer.said["error"].startswith("`link` is a symbolic link")
        again = await host.call("deploy-staging", "POST", path, body)
        assert again.said["error"].startswith("there is no folder `in-v1` in incoming")


def test_a_history_that_was_edited_is_not_guessed_at(shelf: Shelf, incoming: Path, tmp_path: Path):
    sample(incoming / "in")
    shelf.seal("in", ORIGIN)
    file = tmp_path / "shop/history.jsonl"
    file.write_bytes(b"{}\n" + file.read_bytes())
    with pytest.raises(ShelfError, match=r"history.jsonl:1 is damaged .* restore the file"):
        Shelf(tmp_path / "shop", incoming, clock=SystemClock())
