"""DocumentationBot on real commits: its program on its own, and in the real sandbox."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bots.checking import Desk, Project, desk, left_behind, toolbox
from executor.workshop import ROOT, git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executor.workshop import Outcome, Workshop

BOT = ROOT / "bots/documentation"
CODE = '''\
"""Prices of a shop."""

RATE: int = 3
_HIDDEN: int = 4


def total(prices: list[int], *, currency: str = "EUR") -> int:
    """Add up *prices*.

    More words with a fence: ```
    """
    return sum(prices)


async def fetch(name):
    return name


def _internal():
    """Not to be seen."""


class Cart(dict):
    """What a customer wants."""

    owner: str

    def add(self, item: "str | None") -> None:
        """Put an item in."""

    def _drop(self): ...
'''
LISTED = "__all__ = ['_given']\n\n\ndef _given(): ...\n\n\ndef other(): ...\n"
README = """\
# Shop

Words that stay.

<!-- lotabots:begin contents -->
old
<!-- lotabots:end -->

## Use it

<!-- lotabots:begin api shop.prices -->
<!-- lotabots:end -->

## Changes

<!-- lotabots:begin changelog -->

### Added

- something that a person wrote here

<!-- lotabots:end -->

## Added
"""
FILES = {
    "README.md": README,
    "src/shop/__init__.py": "",
    "src/shop/prices.py": CODE,
    "tests/test_prices.py": "def test_total():\n    pass\n",
}


class Said(NamedTuple):
    """What the program printed, and the files that it wrote."""

    payload: dict[str, Any]
    files: dict[str, str]

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.files["links.json"])
        return report

    @property
    def broken(self) -> list[tuple[str, int, str, str]]:
        rows = self.report["broken"]
        return [(one["path"], one["line"], one["target"], one["reason"]) for one in rows]


def ask(project: Project, commit: str, out: Path) -> subprocess.CompletedProcess[bytes]:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    job = {
        "event": {"payload": {"repository": "p", "change": {"id": commit}}},
        "paths": {
            "out": str(out),
            "repository": str(project.bare),
            "programs": {"git": shutil.which("git")},
            "toolbox": {"docs": str(toolbox("docs").packages)},
        },
        "tools": {"docs": f"sha256:{'0' * 64}"},
    }
    command = [sys.executable, "-I", "-S", "-B", str(BOT)]
    return subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=False)


def generate(project: Project, commit: str, out: Path) -> Said:
    """What the program makes of a commit."""
    done = ask(project, commit, out)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    line = json.loads(done.stdout)
    assert line["type"] == "docs.completed"
    files = {path.name: path.read_bytes().decode() for path in out.iterdir()}
    assert sorted(files) == sorted(one["path"] for one in line["artifacts"])
    return Said(line["payload"], files)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def commit_saying(project: Project, message: str) -> str:
    """An empty commit with a message."""
    git(project.tree, "commit", "--quiet", "--allow-empty", "--message", message)
    git(project.tree, "push", "--quiet", "--tags", str(project.bare), "HEAD:refs/heads/main")
    return git(project.tree, "rev-parse", "HEAD")


def look(tmp_path: Path, files: Mapping[str, str | bytes], **more: dict[str, str]) -> Said:
    tmp_path.mkdir(exist_ok=True)
    project = Project(tmp_path / "project")
    return generate(project, project.commit(files, **more), tmp_path / "out")


@pytest.fixture
def here(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("docs")
    return desk(workshop, tmp_path, "DocumentationBot")


def said(ran: Outcome) -> dict[str, Any]:
    assert (ran.report.status, ran.codes) == (0, []), (ran.report, ran.judged, ran.log)
    return ran.payload("docs.completed")


def test_everything_is_made_in_the_sandbox_and_the_same_each_time(here: Desk):
    here.project.commit(FILES)
    commit = commit_saying(here.project, "feat: add up prices")
    payload = said(here.push("generate-docs", commit))
    tool, duration = payload.pop("tool"), payload.pop("duration_s")
    assert (tool["name"], tool["digest"]) == ("markdown-it-py", toolbox("docs").digest)
    assert 0 < duration < 60
    reports, outputs = payload.pop("reports"), payload.pop("outputs")
    assert [(one["name"], one["kind"]) for one in reports] == [
        ("links.json", "link-report"),
        ("api.json", "documentation"),
        ("api.md", "documentation"),
        ("changelog.md", "documentation"),
        ("docs.patch", "docs-patch"),
    ]
    assert (outputs, payload.pop("patch")) == (reports[1:4], reports[4])
    assert payload == {
        "repository": "p",
        "change": {"id": commit},
        "outcome": "success",
        "checked": 3,
        "suppressed": 0,
        "links": {"checked": 0, "broken": []},
    }
    again = said(here.push("generate-docs", commit))
    assert (again["reports"], again["outputs"]) == (reports, outputs)


def test_the_patch_fills_the_blocks_and_touches_nothing_else(project: Project, tmp_path: Path):
    project.commit(FILES)
    git(project.tree, "tag", "v1.0.0")
    project.commit({"x.txt": "x\n"})
    commit_saying(project, "fix(cart): keep <b>the</b> [order](x)")
    commit_saying(project, "feat!: forget `rates`")
    commit_saying(project, "feat: count")
    commit = commit_saying(project, "docs: say more")
    made = generate(project, commit, tmp_path / "out")
    (tmp_path / "docs.patch").write_bytes(made.files["docs.patch"].encode())
    git(project.tree, "apply", str(tmp_path / "docs.patch"))
    assert git(project.tree, "diff", "--name-only") == "README.md"
    assert (
        (project.tree / "README.md").read_text()
        == """\
# Shop

Words that stay.

<!-- lotabots:begin contents -->

- [Use it](#use-it)
- [Changes](#changes)
- [Added](#added-1)

<!-- lotabots:end -->

## Use it

<!-- lotabots:begin api shop.prices -->

- `RATE: int`
- `total(prices: list[int], *, currency: str='EUR') -> int`: Add up \\*prices\\*.
- `async fetch(name)`
- `class Cart(dict)`: What a customer wants.

<!-- lotabots:end -->

## Changes

<!-- lotabots:begin changelog -->

### Added

- **Breaking:** forget \\`rates\\`
- count

### Fixed

- cart: keep \\<b\\>the\\</b\\> \\[order\\](x)

<!-- lotabots:end -->

## Added
"""
    )
    later = generate(project, project.commit({}), tmp_path / "out")
    assert "docs.patch" not in later.files  # it is as it should be
    assert "patch" not in later.payload


def test_the_reference_says_what_the_code_says_and_runs_none_of_it(tmp_path: Path):
    files = {
        **FILES,
        "src/shop/_hidden.py": "def hidden():\n    pass\n",
        "src/shop/listed.py": LISTED,
        "alone.py": "raise SystemExit('it ran')\n",
        "scripts/tool.py": "def tool():\n    pass\n",
        "broken.py": "def f(:\n",
    }
    made = look(tmp_path, files)
    document = json.loads(made.files["api.json"])
    assert [one["name"] for one in document["modules"]] == [
        *("alone", "shop", "shop.listed", "shop.prices"),
    ]
    prices = document["modules"][-1]
    assert [(one["kind"], one["name"], one["line"]) for one in prices["items"]] == [
        ("attribute", "RATE", 3),
        ("function", "total", 7),
        ("function", "fetch", 15),
    ]
    (cart,) = prices["classes"]
    assert [one["signature"] for one in cart["members"]] == [
        "owner: str",
        "add(self, item: 'str | None') -> None",
    ]
    assert [one["name"] for one in document["modules"][2]["items"]] == ["_given"]
    assert document["unread"] == {"broken.py": "it cannot be parsed: SyntaxError"}
    page = made.files["api.md"]
    assert "````text\nAdd up *prices*.\n\nMore words with a fence: ```\n````\n" in page
    assert "hidden" not in page
    assert "test_total" not in page


LINKS = """\
# A page, with `code` & *more*!

[file](docs/other.md) [folder](docs/) [root](/docs/other.md) [up](docs/../README.md)
[top](#a-page-with-code--more) [twice](#twice-1) [named](#by-name) [raw](#raw-id)
[there](docs/other.md#section) [lines](src/a.py#L3-L9) [code](src/a.py#main)
[space](docs/a%20b.md) [web](https://example.org/x) [mail](mailto:a@example.org) [q](src/a.py?x=1)
![image](logo.png "A title") <img src="logo.png"> <a href="docs/other.md">x</a>
[ref][one] `[code](no)` <!-- [comment](no) --> \\[escaped](no)

    [indented](no)

```
[fenced](no)
```

<a name="by-name"></a>
<p id="raw-id">x</p>

## Twice
## Twice

| a | b |
|---|---|
| [gone](gone.md) | ![gone](gone.png) |

- [nowhere](#nowhere)
  and [none](docs/other.md#none)
- [out](../outside.md) [slash](README.md/) [empty]()

<div>
<img src="gone.gif">
</div>

[behind](linked/x.md) [the link](linked)

[one]: gone-too.md
"""


def test_links_are_followed_as_markdown_has_them(tmp_path: Path):
    files = {
        "README.md": LINKS,
        "docs/other.md": "Section\n=======\n\n[back](../README.md#twice) [x](other.md#Section)\n",
        "docs/a b.md": "x\n",
        "src/a.py": "x = 1\n",
        "logo.png": b"\0",
    }
    made = look(tmp_path, files, links={"linked": "docs"})
    assert made.broken == [
        ("README.md", 8, "gone-too.md", "there is no such file"),
        ("README.md", 24, "gone.md", "there is no such file"),
        ("README.md", 24, "gone.png", "there is no such file"),
        ("README.md", 26, "#nowhere", "the file has no such heading or anchor"),
        ("README.md", 27, "docs/other.md#none", "the file has no such heading or anchor"),
        ("README.md", 28, "../outside.md", "it leads out of the project"),
        ("README.md", 28, "README.md/", "it is a file, and no folder"),
        ("README.md", 28, "", "the link is empty"),
        ("README.md", 31, "gone.gif", "there is no such file"),
    ]
    assert made.report["links"] == {
        "checked": 26,
        "external": 2,
        "unfollowed": 3,
        "broken": 9,
        "suppressed": 0,
    }
    assert made.payload["outcome"] == "failure"
    assert made.payload["links"]["broken"][0] == {
        "path": "README.md",
        "line": 8,
        "target": "gone-too.md",
    }


BLOCK = "<!-- lotabots:begin contents -->\n<!-- lotabots:end -->\n"
INDENTED = "    <!-- lotabots:begin contents -->\n    <!-- lotabots:end -->\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"# A\n\n```\n{BLOCK}```\n\n{INDENTED}\n## B\n", None),
        (f"# A\n\n{BLOCK}\n## B\n{BLOCK}", ""),
        (BLOCK.replace("\n", "\r\n") + "\r\n## B\r\n", ""),
        (f"- item\n\n  {BLOCK.replace(chr(10), chr(10) + '  ')}\n## B\n", "line 3: this is no"),
        ("<!-- lotabots:begin contents -->\n\n## B\n", "the last block has no end"),
        ("## B\n<!-- lotabots:end -->\n", "line 2: the markers `begin` and `end` do not take"),
        (f"<!-- lotabots:begin contents -->\n{BLOCK}## B\n", "line 2: the markers"),
        ("<!-- lotabots:begin contents\n-->\n<!-- lotabots:end -->\n## B\n", "line 1: this is no"),
        (f"<div>\n{BLOCK}</div>\n\n## B\n", "line 1: this is no"),
        (BLOCK.replace("contents", "poem") + "## B\n", "line 1: nothing makes `poem`"),
        (
            BLOCK.replace("contents", "api a.b") + "## B\n",
            "line 1: there is no public module `a.b`",
        ),
        (f"{BLOCK}## B\n\nghp_{'a1B2c3D4' * 5}\n", "it holds what looks like a secret"),
    ],
)
def test_only_markers_that_can_be_relied_on_are_filled(tmp_path: Path, text: str, why: str | None):
    made = look(tmp_path, {"page.md": text.encode()})
    dropped = made.report["blocks"]["dropped"]
    assert made.report["blocks"]["files"] == (["page.md"] if why == "" else [])
    assert ("docs.patch" in made.files) is (why == "")
    if why:
        assert dropped["page.md"].startswith(why)
    else:
        assert dropped == {}


@pytest.mark.parametrize(
    ("path", "before", "after", "why"),
    [
        ("a.md", f"x\n{BLOCK}y\n", f"x\n{BLOCK.replace('-->', '-->{n}z', 1)}y\n", ""),
        ("a.md", f"x\n{BLOCK}y\n", f"X\n{BLOCK}y\n", "more than its blocks would change"),
        ("a.md", f"x\n{BLOCK}y\n", f"x\n{BLOCK}y", "more than its blocks would change"),
        ("a.md", f"x\n{BLOCK}y\n", f"x\n{BLOCK}{BLOCK}y\n", "its markers would change"),
        ("a.md", f"x\n{BLOCK}y\n", "x\ny\n", "its markers would change"),
        ("a.md", "x\n", "y\n", "its markers would change"),
        ("a.py", f"x\n{BLOCK}y\n", f"x\n{BLOCK}y\n", "it is no Markdown file"),
    ],
)
def test_the_proof_sees_every_change_outside_of_blocks(
    path: str, before: str, after: str, why: str
):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]; import blocks, page; "
        "print(blocks.unproven(page.Reader(), *sys.argv[3:4], *map(str.encode, sys.argv[4:])))"
    )
    tools = str(toolbox("docs").packages)
    texts = (before, after.replace("{n}", "\n"))
    command = [sys.executable, "-I", "-S", "-c", script, str(BOT), tools, path, *texts]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == f"{why}\n"


def test_entries_come_from_commits_since_the_last_version(project: Project, tmp_path: Path):
    project.commit({"README.md": "x\n"})
    commit_saying(project, "feat: old")
    git(project.tree, "tag", "v1.2.0")
    commit_saying(project, "fix: between")
    for tag in ("not-a-version", "1.2.x", "v2"):
        git(project.tree, "tag", tag)
    for message in (
        "chore: nothing",
        "perf(core): faster",
        "chore: drop old names\n\nBREAKING CHANGE: they are gone",
        "security: escape",
        "Revert something",
        "word: of no known kind",
        "feat:no space",
        "deprecate: the old way",
        f"feat: ghp_{'a1B2c3D4' * 5}",
        "feat: x --> <!-- lotabots:end --> #1",
    ):
        commit = commit_saying(project, message)
    git(project.tree, "tag", "v2.0.0")
    git(project.tree, "push", "--quiet", "--tags", str(project.bare))
    made = generate(project, commit, tmp_path / "out")
    assert made.report["commits"] == {
        "since": "refs/tags/v1.2.0",
        "entries": 7,
        "silent": 1,
        "other": 3,
    }
    assert (
        made.files["changelog.md"]
        == """\
## Unreleased

### Added

- x --\\> \\<!-- lotabots:end --\\> \\#1
- \\<masked\\>

### Changed

- **Breaking:** drop old names
- core: faster

### Deprecated

- the old way

### Fixed

- between

### Security

- escape
"""
    )


HOSTILE = {
    ".gitattributes": "* export-ignore -text filter=gone diff=gone\n*.md binary\n",
    ".gitignore": "*\n",
    "accepted.txt": "0\n",
    "-x.md": "[gone](gone)\n",
    "odd\n.md": "[gone](gone)\n",
    "`tick`.md": "[gone](gone)\n",
    "latin.md": b"caf\xe9\n",
    "lone.md": "a\rb\n",
    "huge.md": "x\n" * 600_000,
    "nul.md": b"[gone](gone)\0\n",
    "deep.md": ">" * 5000 + "x\n" + "[" * 5000 + "\n" + "*a " * 5000,
    "deep.py": "x = " + "(" * 300 + ")" * 300 + "\n",
}


def test_nothing_that_a_project_says_or_holds_makes_it_look_away(tmp_path: Path):
    made = look(tmp_path, HOSTILE, links={"out.md": "/etc/hostname", "loop.md": "loop.md"})
    assert [path for path, *_ in made.broken] == ["-x.md", "`tick`.md", "nul.md"]
    assert made.report["unread"] == {
        "deep.py": "it cannot be parsed: SyntaxError",
        "huge.md": "it is larger than 524288 bytes",
        "latin.md": "it is not UTF-8",
        "lone.md": "it has line ends that not everybody counts",
        "odd\\x0a.md": "its name cannot be written",
    }
    assert made.payload["checked"] == 4


def test_a_flood_of_broken_links_fits_into_an_event(tmp_path: Path):
    made = look(tmp_path, {"a.md": "".join(f"[x]({'y' * 900}{n})\n" for n in range(500))})
    assert len(made.broken) == 500
    assert 100 < len(made.payload["links"]["broken"]) < 200
    assert len(json.dumps(made.payload)) < 2**17 + 10_000
    short = look(tmp_path / "short", {"a.md": "[x](y)\n" * 20_000})
    assert (len(short.broken), short.report["links"]["broken"]) == (10_000, 20_000)
    assert len(short.payload["links"]["broken"]) == 200


@pytest.mark.parametrize("files", [{"a.txt": "x\n"}, {"a.md": b"\xff"}, {"a.py": "def f(:\n"}])
def test_a_run_that_looked_at_nothing_is_an_error_and_no_result(
    project: Project, tmp_path: Path, files: dict[str, str | bytes]
):
    done = ask(project, project.commit(files), tmp_path / "out")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == (
        b"no result: the commit has no Markdown and no Python that can be read\n"
    )
    missing = ask(project, "c" * 40, tmp_path / "out")
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert missing.stderr.startswith(b"no result: git cat-file: fatal:")


def test_what_people_accept_is_suppressed_and_a_secret_never_leaves(here: Desk):
    token = "ghp_" + "a1B2c3D4" * 5
    files = {
        "a.md": f"[gone](gone/{token}) [other](other)\n\n{BLOCK}\n## {token}\n",
        "lib/a.py": f'def f(x="{token}"):\n    """{token}"""\n',
    }
    commit = here.project.commit(files)
    first = said(here.push("generate-docs", commit))
    assert [one["target"] for one in first["links"]["broken"]] == ["gone/<masked>", "other"]
    listed = next(one for one in first["reports"] if one["kind"] == "link-report")
    rows = json.loads(here.workshop.blobs.path(listed["digest"]).read_text())["broken"]
    bots = here.workshop.folder / "changed"
    shutil.copytree(BOT, bots / "documentation")
    accepted = "".join(f"{one['fp']} it comes later\n" for one in rows)
    (bots / "documentation/accepted.txt").write_text(accepted)
    payload = said(here._replace(bots=bots).push("generate-docs", commit))
    assert (payload["outcome"], payload["suppressed"]) == ("success", 2)
    everything = json.dumps([first, payload]).encode() + left_behind(here.workshop)
    assert token.encode() not in everything


def test_the_documents_of_this_repository_lead_where_they_say(tmp_path: Path):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    paths = [ROOT / one for one in listed.stdout.decode().split("\0") if one]
    files: dict[str, str | bytes] = {
        path.relative_to(ROOT).as_posix(): path.read_bytes() if path.suffix == ".md" else b"x\n"
        for path in paths
        if path.is_file() and not path.is_symlink()
    }
    made = look(tmp_path, files)
    assert made.payload["links"]["checked"] > 100
    assert made.broken == []
