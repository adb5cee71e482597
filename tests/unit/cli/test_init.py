"""`lotabots init`: a workspace that is sound from the first line, and nothing overwritten."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lotabots.service.beginning import plan, write
from lotabots.service.carried import fleet_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Lotabots = Callable[..., Result]

CLEAN, USAGE = 0, 2
ROOT = Path(__file__).resolve().parents[3]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")

FILES = (
    ".gitignore",
    "README.md",
    "bots/hello/__main__.py",
    "bots/hello/manifest.yaml",
    "rules/bots/hellobot.yaml",
    "rules/capabilities.yaml",
    "rules/events.yaml",
    "rules/fleet.yaml",
    "rules/tests/hello.yaml",
)
NEXT = """\
  lotabots validate
  lotabots test
  lotabots run
  lotabots emit hello.asked '{"name": "Ann"}' --id first    # in a second terminal
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, those of git aside."""
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in found.items() if not name.startswith(".git/")}


def test_an_empty_folder_becomes_a_workspace(here: Path, lotabots: Lotabots):
    done = lotabots("init")
    assert done.exit_code == CLEAN
    assert done.output == "".join(f"wrote {name}\n" for name in FILES) + f"\nnext:\n{NEXT}"
    assert tuple(sorted(content(here))) == FILES


@pytest.mark.usefixtures("here")
def test_what_it_writes_is_sound(lotabots: Lotabots):
    lotabots("init")
    done = lotabots("validate")
    assert done.output == "1 bot, 2 events, 0 gates, 0 edges: no findings\n"
    assert done.exit_code == CLEAN


@pytest.mark.usefixtures("here")
def test_a_folder_that_does_not_exist_is_made_and_the_way_there_is_told(lotabots: Lotabots):
    done = lotabots("init", "a/my fleet")
    assert "wrote a/my fleet/rules/fleet.yaml\n" in done.output
    assert done.output.endswith(f"\nnext:\n  cd 'a/my fleet'\n{NEXT}")
    assert tuple(sorted(content(Path("a/my fleet")))) == FILES


def test_a_dry_run_lists_and_writes_nothing(here: Path, lotabots: Lotabots):
    done = lotabots("init", "--dry-run")
    assert done.exit_code == CLEAN
    assert done.output == "".join(f"would write {name}\n" for name in FILES)
    assert content(here) == {}
    lotabots("init", "--dry-run", "other")
    assert not Path("other").exists()


def test_the_files_of_a_repository_stay_as_they_are(here: Path, lotabots: Lotabots):
    subprocess.run(["git", "init", "-q", "."], check=True)
    mine = {"README.md": b"mine\n", ".gitignore": b"*.pyc\n", "bots/other/main.py": b"pass\n"}
    for name, data in mine.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(data)
    done = lotabots("init")
    written = [name for name in FILES if name not in mine]
    assert done.output == (
        "".join(f"wrote {name}\n" for name in written)
        + "left .gitignore as it is; add the line `.lotabots/` to it\n"
        + "left README.md as it is\n"
        + f"\nnext:\n{NEXT}"
    )
    assert {name: data for name, data in content(here).items() if name in mine} == mine
    assert lotabots("validate").exit_code == CLEAN


def test_a_gitignore_that_knows_the_state_folder_needs_nothing(here: Path, lotabots: Lotabots):
    (here / ".gitignore").write_text("/.lotabots\n")
    assert "left .gitignore as it is\n" in lotabots("init", "--dry-run").output


@pytest.mark.usefixtures("here")
def test_a_workspace_is_not_written_over(lotabots: Lotabots):
    lotabots("init")
    before = content(Path())
    done = lotabots("init")
    assert done.exit_code == USAGE
    assert done.output == (
        "error: nothing was written, these are in the way: bots/hello/__main__.py, "
        "bots/hello/manifest.yaml, rules/bots/hellobot.yaml, rules/capabilities.yaml, "
        "rules/events.yaml, rules/fleet.yaml, rules/tests/hello.yaml; "
        "move them away, or name another folder\n"
    )
    assert content(Path()) == before


@pytest.mark.parametrize(
    "name", ["rules/gates.yaml", "graphs/dependencies.yaml", "bots/hello/notes.txt", "bots"]
)
def test_what_would_mix_with_the_new_files_is_in_the_way(name: str, here: Path, lotabots: Lotabots):
    (here / name).parent.mkdir(parents=True, exist_ok=True)
    (here / name).write_text("mine\n")
    for more in ([], ["--dry-run"]):
        done = lotabots("init", *more)
        assert done.exit_code == USAGE
        assert done.output == (
            f"error: nothing was written, this is in the way: {name}; "
            "move it away, or name another folder\n"
        )
    assert content(here) == {name: b"mine\n"}


def test_a_link_that_leads_nowhere_is_in_the_way_too(here: Path, lotabots: Lotabots):
    (here / "bots").mkdir()
    (here / "bots/hello").symlink_to("elsewhere")
    done = lotabots("init")
    assert "this is in the way: bots/hello;" in done.output
    assert not (here / "bots/elsewhere").exists()


def test_a_file_is_no_folder(here: Path, lotabots: Lotabots):
    (here / "notes").write_text("mine\n")
    done = lotabots("init", "notes")
    assert done.exit_code == USAGE
    assert done.output == "error: notes: not a folder; name another one\n"


def test_a_file_that_comes_meanwhile_is_kept_and_the_rest_taken_back(here: Path):
    planned = plan(here)
    (here / "rules").mkdir()
    (here / "rules/fleet.yaml").write_text("mine\n")
    with pytest.raises(FileExistsError):
        write(planned)
    assert content(here) == {"rules/fleet.yaml": b"mine\n"}


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (["validate"], "as an argument"),
        (["graph"], "with `-C`"),
        (["status"], "with `-C`"),
        (["audit", "verify"], "with `-C`"),
        (["tools", "verify"], "with `-C`"),
    ],
)
@pytest.mark.usefixtures("here")
def test_where_there_is_no_workspace_the_cure_fits_the_command(
    words: list[str], how: str, lotabots: Lotabots
):
    done = lotabots(*words)
    assert done.exit_code == USAGE
    assert done.output == (
        "error: no workspace here: neither this folder nor one above it has a folder `rules`; "
        f"give one {how}, or make one: `lotabots init`\n"
    )


@pytest.mark.usefixtures("here")
def test_a_folder_that_is_no_workspace_can_be_made_one(lotabots: Lotabots):
    done = lotabots("graph", "-C", "my fleet")
    assert done.exit_code == USAGE
    assert done.output == (
        "error: my fleet is not a workspace: it has no folder `rules`; "
        "give the folder that holds `rules`, or make one: `lotabots init 'my fleet'`\n"
    )
    assert lotabots("init", "my fleet").exit_code == CLEAN
    assert lotabots("graph", "-C", "my fleet").exit_code == CLEAN


@pytest.mark.usefixtures("here")
def test_no_change_of_the_rules_of_a_new_workspace_goes_unnoticed(lotabots: Lotabots):
    lotabots("init")
    done = lotabots("test", "--mutate", "--fail-under", "100")
    assert done.exit_code == CLEAN
    assert "changes of the rules that a test notices: 4 of 4\n" in done.output


WITH_FLEET = """\
wrote .gitignore
wrote README.md
wrote bots/ ({bots} files)
wrote graphs/ (3 files)
wrote requirements/ ({requirements} files)
wrote rules/ ({rules} files)
wrote schemas/ ({schemas} files)

next:
  lotabots validate
  lotabots test
  lotabots tools sync    # downloads the tools of the bots
  lotabots doctor
  lotabots run
"""


def test_with_the_fleet_a_folder_becomes_what_this_repository_is(here: Path, lotabots: Lotabots):
    done = lotabots("init", "--with-fleet")
    assert done.exit_code == CLEAN
    written = content(here)
    counts = Counter(name.partition("/")[0] for name in written)
    assert done.output == WITH_FLEET.format_map(counts)
    for name in ("rules/fleet.yaml", "graphs/fleet.svg", "requirements/toolbox-lint.txt"):
        assert written[name] == (ROOT / name).read_bytes()
    assert not [name for name in written if "__pycache__" in name or name.endswith("ruff.toml")]
    assert not [name for name in written if "requirements/" in name and "toolbox-" not in name]
    for words in (["validate"], ["test"], ["generate", "--check"]):
        assert lotabots(*words).exit_code == CLEAN


def test_no_page_that_comes_with_the_fleet_links_to_what_did_not_come():
    pages = {name: data.decode() for name, data in fleet_files().items() if name.endswith(".md")}
    links = [(name, link) for name, page in pages.items() for link in LINK.findall(page)]
    there = {name for name, link in links if (ROOT / Path(name).parent / link).is_file()}
    assert ("bots/build/README.md", "../../rules/bots/buildbot.yaml") in links
    assert there == {name for name, _ in links}
    assert "how bots are written in\n`docs/bot-authors.md`." in pages["bots/build/README.md"]
    assert not [link for _, link in links if "docs/" in link]


def test_the_fleet_overwrites_nothing_and_names_the_first_in_its_way(
    here: Path, lotabots: Lotabots
):
    mine = {"bots/lint/notes.txt": b"x", "bots/other/main.py": b"y", "requirements/dev.txt": b"z"}
    for name, data in mine.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(data)
    done = lotabots("init", "--with-fleet")
    assert done.exit_code == USAGE
    assert done.output == (
        "error: nothing was written, this is in the way: bots/lint/notes.txt; "
        "move it away, or name another folder\n"
    )
    (here / "bots/lint/notes.txt").unlink()
    assert lotabots("init", "--with-fleet").exit_code == CLEAN
    before = content(here)
    assert {name: before[name] for name in mine if name in before} == {
        name: data for name, data in mine.items() if "notes" not in name
    }
    again = lotabots("init", "--with-fleet")
    assert again.exit_code == USAGE
    assert re.search(r"bots/build/README.md, .* and \d+ more; move them away", again.output)
    assert content(here) == before
