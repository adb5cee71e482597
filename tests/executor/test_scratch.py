"""Job folders go away, whatever a bot leaves in them, and nothing else goes with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lotabots.adapters.executor.scratch import Scratch, remove_tree, sweep

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_folder_is_private_and_has_an_empty_out(tmp_path: Path):
    with Scratch(tmp_path / "jobs", "job-1") as scratch:
        assert scratch.path.name.startswith("job-1-")
        assert scratch.path.stat().st_mode & 0o777 == 0o700
        assert list(scratch.out.iterdir()) == []
    assert list((tmp_path / "jobs").iterdir()) == []


def test_links_are_removed_and_not_followed(tmp_path: Path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("kept")
    with Scratch(tmp_path / "jobs", "job") as scratch:
        (scratch.out / "link").symlink_to(tmp_path / "precious")
        (scratch.out / "up").symlink_to("../../..")
    assert (tmp_path / "precious/file").read_text() == "kept"


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path):
    with Scratch(tmp_path / "jobs", "job") as scratch:
        here = os.open(scratch.out, os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("d" * 100, dir_fd=here)
            below = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_folders_without_permissions_and_odd_files_are_removed(tmp_path: Path):
    with Scratch(tmp_path / "jobs", "job") as scratch:
        (scratch.out / "a/b").mkdir(parents=True)
        (scratch.out / "a/b/1").touch()
        (scratch.out / "1").mkdir()
        os.mkfifo(scratch.out / "a/pipe")
        (scratch.out / "a/b").chmod(0)
        (scratch.out / "a").chmod(0)
        scratch.out.chmod(0)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_many_files_are_removed(tmp_path: Path):
    folder = tmp_path / "many"
    for n in range(30):
        (folder / f"{n}").mkdir(parents=True)
        for m in range(100):
            (folder / f"{n}/{m}").touch()
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_takes_what_a_killed_engine_left_and_spares_running_jobs(tmp_path: Path):
    jobs = tmp_path / "jobs"
    with Scratch(jobs, "running") as running:
        (jobs / "left/out/deep").mkdir(parents=True)
        assert sweep(jobs) == 1
        assert list(jobs.iterdir()) == [running.path]
    assert sweep(jobs) == 0
    assert sweep(tmp_path / "nowhere") == 0
