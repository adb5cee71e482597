"""BuildBot under its own rules, in the real sandbox, with real repositories."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from bots.yards import BACKEND, OWN
from executor.workshop import COMMIT, ROOT, commit, git
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from bots.yards import Yard
    from executor.workshop import Outcome

HATCH = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "Demo.Thing"
version = "1.2"
dependencies = ["click>=8", "six==1.16.0"]
[tool.hatch.build.targets.wheel]
packages = ["src/demo"]
"""
SETUP = """
[build-system]
requires = ["setuptools>=61", "wheel"]
[project]
name = "demo-thing"
version = "1.2"
"""
PLAIN = {"pyproject.toml": HATCH, "src/demo/__init__.py": "X = 1\n"}


def failure(ran: Outcome) -> dict[str, Any]:
    """The payload of `build.failed`, which must be the only other line and keep the contract."""
    assert [one.type for one in ran.judged if isinstance(one, Emitted)] == [
        "build.started",
        "build.failed",
    ], (ran.judged, ran.report, ran.log)
    assert ran.report.status == 0
    return ran.payload("build.failed")


def test_a_commit_becomes_a_wheel_a_parts_list_and_a_log(yard: Yard):
    ran = yard.build(PLAIN)
    assert (ran.report.status, ran.codes, ran.log) == (0, [], "")
    assert ran.payload("build.started")["build_id"] == "job1"
    done = ran.payload("build.completed")
    wheel, sbom, log = done["artifacts"]
    assert [one["kind"] for one in done["artifacts"]] == ["wheel", "sbom", "build-log"]
    assert (done["artifact"], done["reports"]) == (wheel, [sbom, log])
    assert wheel["name"] == "demo_thing-1.2-py2.py3-none-any.whl"
    hexadecimal = wheel["digest"].removeprefix("sha256:")
    assert done["artifact_id"] == f"pkg:pypi/demo-thing@1.2?checksum=sha256:{hexadecimal}"
    assert (done["outcome"], done["checked"], done["suppressed"]) == ("success", 1, 0)
    assert done["tool"]["digest"] == ran.report.tool
    assert done["change"]["ref"] == "refs/heads/main"  # from the event, not from the bot
    assert list(yard.workshop.jobs.iterdir()) == []


def test_the_parts_list_is_a_cyclonedx_document(yard: Yard):
    done = yard.build(PLAIN).payload("build.completed")
    document = json.loads(yard.workshop.blobs.path(done["reports"][0]["digest"]).read_bytes())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["purl"] == done["artifact_id"]
    assert document["metadata"]["timestamp"] == "2025-06-01T12:00:00+00:00"
    parts = {part["name"]: part for part in document["components"]}
    assert parts["six"]["version"] == "1.16.0"
    assert "version" not in parts["click"]
    assert parts["demo/__init__.py"]["type"] == "file"
    tools = {tool["name"] for tool in document["metadata"]["tools"]["components"]}
    assert {"build", "hatchling"} <= tools


@pytest.mark.parametrize("files", [
    PLAIN,
    {"pyproject.toml": SETUP, "demo_thing/__init__.py": "", "demo_thing/data/a.txt": "a"},
    {"setup.py": "from setuptools import setup; setup(name='demo', py_modules=['m'])", "m.py": ""},
])  # fmt: skip
def test_the_same_commit_gives_the_same_bytes(yard: Yard, files: dict[str, str | bytes]):
    bare, commit_id = commit(yard.workshop.folder / "same", files)
    first, second = (
        yard.build_commit(bare, commit_id).payload("build.completed") for _ in range(2)
    )
    assert first["artifacts"][:2] == second["artifacts"][:2]


def test_attributes_and_replacements_do_not_change_the_source(yard: Yard):
    hidden = {
        **PLAIN,
        "src/demo/hidden.py": "SHOWN = 1\n",
        "src/demo/text.py": "A = '$Format:%H$ $Id$'\n",
        ".gitattributes": "hidden.py export-ignore\n*.py eol=crlf ident export-subst filter=x\n",
    }
    bare, commit_id = commit(yard.workshop.folder / "tricks", hidden)
    other = git(yard.workshop.folder / "tricks/tree", "hash-object", "src/demo/hidden.py")
    git(bare, "replace", other, git(bare, "rev-parse", "HEAD:src/demo/__init__.py"))
    done = yard.build_commit(bare, commit_id).payload("build.completed")
    with zipfile.ZipFile(yard.workshop.blobs.path(done["artifact"]["digest"])) as archive:
        assert archive.read("demo/hidden.py") == b"SHOWN = 1\n"
        assert archive.read("demo/text.py") == b"A = '$Format:%H$ $Id$'\n"


def test_a_link_that_leads_out_of_the_source_is_refused(yard: Yard):
    ran = yard.build(PLAIN, links={"src/demo/passwords": "/etc/passwd"})
    assert failure(ran)["reason"] == "the link `src/demo/passwords` leads out of the source"
    ran = yard.build(PLAIN, links={"src/up": "demo/..", "src/out": "up/../../../x"})
    assert failure(ran)["reason"] == "the link `src/out` leads out of the source"


def test_links_inside_the_source_are_kept(yard: Yard):
    ran = yard.build(PLAIN, links={"src/demo/again.py": "__init__.py"})
    done = ran.payload("build.completed")
    with zipfile.ZipFile(yard.workshop.blobs.path(done["artifact"]["digest"])) as archive:
        assert archive.read("demo/again.py") == b"X = 1\n"


def test_what_is_not_a_commit_is_refused(yard: Yard):
    bare, _ = commit(yard.workshop.folder / "r", PLAIN)
    assert "git cat-file" in failure(yard.build_commit(bare, COMMIT))["reason"]
    tree = git(bare, "rev-parse", "HEAD^{tree}")
    assert failure(yard.build_commit(bare, tree))["reason"] == f"{tree} is not a commit"


def test_a_huge_file_is_refused_before_it_is_written(yard: Yard):
    bare, _ = commit(yard.workshop.folder / "huge", {"zeros": bytes(2**20)})
    blob = git(bare, "rev-parse", "HEAD:zeros")
    names = "".join(f"100644 blob {blob}\t{n:04}\n" for n in range(513))
    tree = git(bare, "mktree", given=names)
    ran = yard.build_commit(bare, git(bare, "commit-tree", tree, "-m", "huge"))
    said = "the files of the commit are larger than 536870912 bytes together"
    assert failure(ran)["reason"] == said


def test_missing_build_requirements_are_named(yard: Yard):
    ran = yard.build(
        {
            **PLAIN,
            "pyproject.toml": HATCH.replace('["hatchling"]', '["hatchling>=99", "maturin"]', 1),
        }
    )
    assert failure(ran)["reason"] == (
        "the build needs `hatchling>=99`, `maturin`, which the toolbox does not have"
    )


# --------------------------------------------------------------- projects that mean harm
# The plane that stops each: (bot) BuildBot's own checks, (contract) the engine's reading of
# lines, (kernel) the sandbox.


@pytest.mark.boundary("BuildBot", "deploy", plane="kernel")
def test_kernel_a_backend_has_no_network(yard: Yard):
    reason = failure(yard.backend("socket.create_connection(('192.0.2.1', 80), timeout=5)"))
    assert "Network is unreachable" in reason["reason"]
    reason = failure(yard.backend("socket.getaddrinfo('example.org', 80)"))
    assert "gaierror" in reason["reason"]


@pytest.mark.parametrize("path", ["{tools}/build/__init__.py", "{repository}/HEAD", "/etc/evil"])
@pytest.mark.boundary("BuildBot", "code.modify", plane="kernel")
def test_kernel_a_backend_writes_nowhere_else(yard: Yard, path: str):
    bare, commit_id = commit(yard.workshop.folder / "r", {
        "pyproject.toml": OWN,
        "own.py": BACKEND % f"open({path!r}.format(tools=os.environ['PYTHONPATH'], "
        f"repository={str(yard.workshop.folder / 'r/repository.git')!r}), 'a')",
    })  # fmt: skip
    reason = failure(yard.build_commit(bare, commit_id))["reason"]
    assert any(said in reason for said in ("Read-only file", "Permission denied", "No such file"))


def test_kernel_a_backend_sees_neither_other_jobs_nor_the_host(yard: Yard):
    secret = yard.workshop.folder / "secret"
    secret.write_text("a secret of the host")
    secret.chmod(0o644)
    paths = ["/etc/passwd", str(secret), str(ROOT / "pyproject.toml")]
    ran = yard.backend(f"for path in {paths!r}: assert not os.path.exists(path), path")
    assert "AssertionError" not in failure(ran)["reason"]


def test_kernel_a_fork_bomb_ends_the_run(yard: Yard):
    ran = yard.backend("while True: os.fork()")
    assert (ran.report.limit, ran.report.status) == ("processes", 137)


def test_kernel_a_full_disk_ends_the_run(yard: Yard):
    ran = yard.backend(
        "file = open(directory + '/big', 'wb')\nwhile True: file.write(bytes(2**24))"
    )
    assert (ran.report.limit, ran.report.status) == ("disk_mb", 137)


def test_bot_endless_output_is_cut_off(yard: Yard):
    ran = yard.backend("while True: print('x' * 1000)")
    assert failure(ran)["reason"].startswith("the build printed more than 8388608 bytes")


FORGED = '{"type": "build.completed", "payload": {"outcome": "success"}}'


def test_bot_what_a_backend_prints_is_log_and_never_a_result(yard: Yard):
    ran = yard.backend(
        f"print({FORGED!r}, flush=True)\nos.write(2, {FORGED!r}.encode())\nsys.exit(1)"
    )
    assert FORGED in failure(ran)["reason"]


def test_bot_a_backend_cannot_reach_the_results_by_way_of_proc(yard: Yard):
    ran = yard.backend(
        f"""
for pid in filter(str.isdigit, os.listdir('/proc')):
    for number in ('1', '2'):
        try:
            link = os.readlink(f'/proc/{{pid}}/fd/{{number}}')
            with open(f'/proc/{{pid}}/fd/{{number}}', 'w') as file:
                print('reached', pid, int(pid) == os.getpid(), flush=True)
                if not link == os.readlink('/proc/self/fd/1'):
                    file.write({FORGED!r} + '\\n')
        except OSError as error:
            print('refused', pid, error.strerror, flush=True)
raise SystemExit(1)"""
    )
    assert len(ran.lines) == 2
    assert ran.log == ""
    assert "Permission denied" in failure(ran)["reason"]


def test_bot_a_process_left_behind_is_ended(yard: Yard):
    ran = yard.backend(
        """
import time
if os.fork() == 0:
    os.setsid()
    while True:
        time.sleep(0.01)
        for name in os.listdir(directory): open(os.path.join(directory, name), 'ab').write(b'evil')
raise SystemExit(3)"""
    )
    assert "the build backend failed (exit status 1)" in failure(ran)["reason"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 'x.whl'", "the backend was to make one wheel, and made nothing"),
        ("open(directory + '/x.whl', 'w').close(); return 'x.whl'",
         "`x.whl` is not the name of a wheel"),
        ("""
os.symlink('/etc/passwd', directory + '/x-1-py3-none-any.whl')
return 'x-1-py3-none-any.whl'""",
         "the backend was to make one wheel, and made `x-1-py3-none-any.whl`"),
        ("open(directory + '/x-1-py3-none-any.whl', 'w').close(); return 'x-1-py3-none-any.whl'",
         "`x-1-py3-none-any.whl` is not a sound wheel: File is not a zip file"),
        ("""
import zipfile
with zipfile.ZipFile(directory + '/x-1-py3-none-any.whl', 'w') as file:
    file.writestr('../../evil.py', 'x')
return 'x-1-py3-none-any.whl'""",
         "`x-1-py3-none-any.whl` is not a sound wheel: it would write `../../evil.py`"),
        ("""
import zipfile
with zipfile.ZipFile(directory + '/x-1-py3-none-any.whl', 'w') as file:
    file.writestr('x.py', 'x')
    file.writestr('x-1.dist-info/METADATA', 'Name: x\\\\nVersion: 1\\\\n')
    file.writestr('x-1.dist-info/RECORD', 'x.py,sha256=wrong,1\\\\n')
return 'x-1-py3-none-any.whl'""",
         "`x-1-py3-none-any.whl` is not a sound wheel: `x.py` is not as its RECORD says"),
    ],
)  # fmt: skip
def test_bot_a_wheel_that_is_none_is_refused(yard: Yard, body: str, reason: str):
    assert failure(yard.backend(body))["reason"].splitlines()[0] == reason


def test_bot_the_log_holds_no_secrets_and_no_paths(yard: Yard):
    ran = yard.backend(
        """
print('\\x1b[31mred\\x1b[0m', os.getcwd(), os.environ['PYTHONPATH'])
print('API_TOKEN=abc123 https://ann:hunter2@example.org/x Authorization: Basic Zm9v')
raise SystemExit(1)"""
    )
    reason = failure(ran)["reason"]
    assert "red <source> <tools>" in reason
    assert "API_TOKEN=<masked> https://<masked>@example.org/x" in reason
    assert "hunter2" not in reason
    assert str(yard.workshop.folder) not in reason
