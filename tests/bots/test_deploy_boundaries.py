"""Every boundary of DeployBot, with one that tries to break it and what stops it.

Each name or docstring says which plane that is: decision (the rules), kernel (the sandbox), the
host (its doors), contract (the engine's reading of the lines), or the bot's own checks.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from bots.checking import toolbox
from bots.deploying import Quay, completed, failed, quay, service
from bots.trials import wheel
from executor.workshop import ROOT, command_lines
from lotabots.adapters.files.workspace import read_workspace
from lotabots.model.load import load
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executor.workshop import Workshop
    from lotabots.adapters.executor.executor import Sandbox

RULES = "rules/bots/deploybot.yaml"
REFUSED = ("Permission denied", "Read-only file system", "No such file or directory")
BACKEND = """
def build_wheel(*_): raise SystemExit("it was built")
prepare_metadata_for_build_wheel = get_requires_for_build_wheel = build_wheel
"""
OWN = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'


@pytest.fixture
def here(workshop: Workshop, hosting_sandbox: Sandbox) -> Iterator[Quay]:
    with quay(workshop, hosting_sandbox) as made:
        yield made


# ------------------------------------------------------------------------- it does not build code


def sdist() -> bytes:
    """A source distribution with a build backend of its own."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        facts = "Metadata-Version: 2.1\nName: helper\nVersion: 1.0\n"
        files = {"pyproject.toml": OWN, "own.py": BACKEND, "PKG-INFO": facts}
        for name, text in files.items():
            member = tarfile.TarInfo(f"helper-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


def test_bot_a_dependency_that_had_to_be_built_is_refused(here: Quay):
    (here.wheelhouse / "helper-1.0.tar.gz").write_bytes(sdist())
    done = failed(here.deploy(service(needs=("helper",))))
    assert (done["outcome"], done["checked"], here.states()) == ("error", 0, [])
    assert done["reason"] == (
        "`shop-1.0-py3-none-any.whl` needs `helper`, of which the wheelhouse has no wheel; "
        "`helper-1.0.tar.gz` would have to be built, which DeployBot does not"
    )


def test_bot_a_dependency_from_elsewhere_is_refused(here: Quay):
    """pip would build what a requirement names by its address, whatever it is told."""
    path = here.wheelhouse / "helper-1.0.tar.gz"
    path.write_bytes(sdist())
    need = f"helper @ file://{path}"
    done = failed(here.deploy(service(needs=(need,))))
    assert done["reason"].endswith("; only the wheelhouse is a source")
    far = wheel(
        {"other.py": ""},
        metadata=f"Metadata-Version: 2.1\nName: other\nVersion: 1\nRequires-Dist: {need}\n",
        stem="other-1",
    )
    (here.wheelhouse / "other-1-py3-none-any.whl").write_bytes(far)
    done = failed(here.deploy(service(needs=("other",)), job="job2"))
    assert done["outcome"] == "error"
    assert done["reason"].endswith("; only the wheelhouse is a source")


@pytest.mark.parametrize(("name", "reason"), [
    ("shop-1.0.tar.gz", "is not the name of a wheel; what has to be built is not deployed"),
    ("shop-1.0.zip", "is not the name of a wheel; what has to be built is not deployed"),
    ("../shop-1.0-py3-none-any.whl", "is not the name of a wheel"),
    ("-rx-1.0-py3-none-any.whl", "is not the name of a wheel"),
    ("shop-1.0-py2-none-any.whl", "is not for this system"),
    ("shop-1.0-cp311-cp311-win_amd64.whl", "is not for this system"),
])  # fmt: skip
def test_bot_only_a_wheel_for_this_system_is_taken(here: Quay, name: str, reason: str):
    done = failed(here.deploy((name, service()[1])))
    assert (done["outcome"], here.states()) == ("error", [])
    assert reason in done["reason"]


@pytest.mark.parametrize("data", [b"", b"not a zip", sdist()])
def test_bot_a_wheel_in_name_only_is_refused(here: Quay, data: bytes):
    done = failed(here.deploy((service()[0], data)))
    assert (done["outcome"], here.states()) == ("error", [])
    assert "is not a sound wheel" in done["reason"]


def test_bot_a_wheel_cannot_unpack_elsewhere(here: Quay):
    done = failed(here.deploy(service(files={"../../escaped.py": ""})))
    assert (done["outcome"], here.states(), here.incoming()) == ("error", [], [])
    assert "the wheel cannot be installed" in done["reason"]


@pytest.mark.parametrize(
    "need", ["", "a b", "x; python_version ~= 'a'", "x; extra", "x[", "helper; y == 'z'"]
)
def test_bot_a_requirement_that_says_nothing_is_an_error(here: Quay, need: str):
    done = failed(here.deploy(service(needs=(need,))))
    assert (done["outcome"], here.states()) == ("error", [])


def test_bot_what_others_left_behind_is_cleared_away(here: Quay):
    incoming = here.host.incoming("staging")
    (incoming / "old/folder").mkdir(parents=True)
    (incoming / "file").write_text("x")
    (incoming / "link").symlink_to(here.workshop.folder)
    completed(here.deploy(service()))
    assert here.incoming() == []
    assert here.workshop.folder.exists()


def test_bot_pip_obeys_no_configuration_that_lies_about(here: Quay):
    asked = "[global]\nindex-url = http://192.0.2.1/\n[install]\nno-binary = :all:\ncompile = yes\n"
    files = dict.fromkeys(("pip.conf", "setup.cfg", ".pydistutils.cfg", "pip/pip.conf"), asked)
    release = completed(here.deploy(service(files=files)))["release"]
    folder = here.host.incoming("staging").parent / "shop/releases" / release
    assert (folder / "pip.conf").read_text() == asked
    assert [path for path in folder.rglob("*") if path.suffix == ".pyc"] == []


def test_bot_dependencies_come_from_the_wheelhouse_by_their_digests(here: Quay):
    for version in ("1.0", "2.0"):
        helper = wheel(
            {"helper.py": f"V = {version!r}\n"},
            metadata=f"Metadata-Version: 2.1\nName: helper\nVersion: {version}\n",
            stem=f"helper-{version}",
        )
        (here.wheelhouse / f"helper-{version}-py3-none-any.whl").write_bytes(helper)
    start = "import helper; assert helper.V == '1.0'"
    done = completed(here.deploy(service(needs=("helper<2", "x; python_version<'3'"), start=start)))
    parts = here.report(done)["parts"]
    assert [(one["name"], one["version"]) for one in parts] == [("helper", "1.0"), ("shop", "1.0")]
    done = failed(here.deploy(service("2.0", needs=("helper>2",)), job="job2"))
    assert (done["outcome"], here.serves()) == ("error", "1.0")
    assert "the wheel cannot be installed" in done["reason"]


# ------------------------------------------- what a program in its place could do with its grants


@pytest.mark.boundary("DeployBot", "build", "test.run", plane="kernel")
def test_kernel_it_starts_no_compiler_no_shell_and_no_tests(here: Quay):
    """`build`, `test.run`: only the interpreter can be started, and it has only pip."""
    script = """
import shutil
attempt("shell")(lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("compiler")(lambda: subprocess.run(["/usr/bin/gcc", "--version"]))
sys.path.append(tools)
def load(name): __import__(name)
for name in ("pytest", "setuptools", "build", "hatchling", "coverage"):
    attempt(name)(lambda: load(name))
for place in (out, paths["places"]["releases:staging"]):
    own = place + "/own"
    shutil.copy(sys.executable, own)
    os.chmod(own, 0o755)
    attempt(place)(lambda: subprocess.run([own, "-c", "pass"]))
attempt("pip")(lambda: load("pip"))
"""
    _, tried = here.rogue(script, "deploy-staging")
    assert tried.pop("pip") == "done: None"
    assert len(tried) == 9
    assert not [said for said in tried.values() if said.startswith("done")]


CONFIGURE = """
for name in sorted(given):
    attempt("write " + name)(lambda: open(given[name], "a"))
    attempt("remove " + name)(lambda: os.unlink(given[name]))
attempt("tool")(lambda: open(tools + "/pip/__init__.py", "a"))
attempt("artifact")(lambda: open([*paths["artifacts"].values(), "/nowhere"][0], "a"))
attempt("wheelhouse")(lambda: open(paths["places"].get("wheelhouse", "/nowhere") + "/x", "w"))
"""


@pytest.mark.parametrize("action", ["deploy-staging", "deploy-production", "rollback"])
@pytest.mark.boundary("DeployBot", "infrastructure.configure", plane="kernel")
def test_kernel_it_cannot_configure_the_infrastructure(here: Quay, action: str):
    """`infrastructure.configure`: no settings, rules, histories, sealed releases, other places."""
    completed(here.deploy(service()))
    staging = here.host.incoming("staging").parent
    (release,) = (staging / "shop/releases").iterdir()
    given = {
        "rules": str(ROOT / RULES),
        "history": str(staging / "shop/history.jsonl"),
        "current": str(staging / "shop/current"),
        "release": str(release / "shop.py"),
        "hosts": "/etc/hosts",
    }
    before = (staging / "shop/history.jsonl").read_bytes()
    _, tried = here.rogue(CONFIGURE, action, **given)
    assert len(tried) == 13
    assert [name for name, said in tried.items() if said not in REFUSED] == []
    assert ((staging / "shop/history.jsonl").read_bytes(), here.serves()) == (before, "1.0")


@pytest.mark.parametrize(("action", "mine", "other"), [
    ("deploy-staging", "staging", "production"),
    ("deploy-production", "production", "staging"),
    ("rollback", "", "staging"),
    ("rollback", "", "production"),
])  # fmt: skip
@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="kernel")
def test_kernel_it_writes_releases_of_its_environment_only(
    here: Quay, action: str, mine: str, other: str
):
    """`deploy.application` on production: the action for staging has no way to production."""
    script = """
attempt("other")(lambda: open(given["other"] + "/x", "w"))
attempt("socket")(lambda: socket.socket(socket.AF_UNIX).connect(given["door"]))
attempt("relay")(lambda: connect("deploy-" + given["name"], 80))
attempt("outside")(lambda: connect("192.0.2.1", 80))
tried["places"] = ",".join(name for name in paths["places"] if name.startswith("releases"))
tried["relays"] = ",".join(paths["relays"])
"""
    given = {
        "other": str(here.host.incoming(other)),
        "door": str(here.host.door(f"deploy-{other}")),
        "name": other,
    }
    _, tried = here.rogue(script, action, **given)
    assert tried.pop("places") == (f"releases:{mine}" if mine else "")
    assert tried.pop("relays") == (f"deploy-{mine}" if mine else "rollback")
    assert len(tried) == 4
    assert not [said for said in tried.values() if said.startswith("done")]
    assert here.incoming(other) == []


@pytest.mark.boundary("DeployBot", "infrastructure.configure", plane="host")
@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="host")
def test_host_its_doors_are_not_for_more_than_its_action(here: Quay):
    """`infrastructure.configure`: the host refuses other environments, scaling, going back."""
    names = [completed(here.deploy(service("1.0")))["release"]]
    names.append(completed(here.deploy(service("2.0"), job="job2"))["release"])
    script = """
shop = "/services/shop/"
attempt("production")(lambda: ask("GET", shop + "production"))
made = {"incoming": "x", "artifact": "sha256:" + 64 * "a", "change": "c", "job": "j"}
attempt("release")(lambda: ask("POST", shop + "production/releases", made))
attempt("promote")(lambda: ask("POST", shop + "production/releases/" + given["new"] + "/promote",
                               {"job": "j"}))
attempt("scale")(lambda: ask("POST", shop + "staging/scale", {"instances": 1, "job": "j"}))
one = shop + "staging/releases/" + given["old"]
attempt("start")(lambda: ask("POST", one + "/start", {"job": "j"}))
attempt("back")(lambda: ask("POST", one + "/promote", {"job": "j"}))
two = shop + "staging/releases/" + given["new"]
attempt("stop")(lambda: ask("POST", two + "/discard", {"job": "j", "reason": "r"}))
attempt("bad")(lambda: ask("POST", two + "/promote", {"job": "j", "withdraw": given["old"]}))
"""
    _, tried = here.rogue(script, "deploy-staging", old=names[0], new=names[1])
    assert {name: said.split()[1] for name, said in tried.items()} == {
        "production": "403", "release": "403", "promote": "403", "scale": "403", "start": "403",
        "back": "409", "stop": "409", "bad": "409",
    }  # fmt: skip
    assert (here.states(), here.serves()) == (["spare", "active"], "2.0")


@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="host")
def test_host_a_rollback_puts_nothing_new_in_service(here: Quay):
    """`deploy.application`, by way of `deploy.rollback`."""
    completed(here.deploy(service("1.0")))
    script = """
shop = "/services/shop/staging"
made = {"incoming": "x", "artifact": "sha256:" + 64 * "a", "change": "c", "job": "j"}
attempt("release")(lambda: ask("POST", shop + "/releases", made))
attempt("production")(lambda: ask("POST", "/services/shop/production/releases", made))
attempt("discard")(lambda: ask("POST", shop + "/releases/" + given["old"] + "/discard",
                               {"job": "j", "reason": "r"}))
"""
    _, tried = here.rogue(script, "rollback", old=here.active())
    assert {name: said.split()[1] for name, said in tried.items()} == {
        "release": "403", "production": "403", "discard": "403"
    }  # fmt: skip


@pytest.mark.boundary(
    "DeployBot", "build", "test.run", "infrastructure.configure", plane="contract"
)
def test_contract_it_starts_nobody_else_and_hands_over_no_artifact(here: Quay):
    """`build`, `test.run`, and more machines: what others do would need their events."""
    script = """
for event in ("build.completed", "test.completed", "deploy.requested", "scale.requested"):
    emit(event, {})
open(out + "/x.whl", "w").close()
emit("deploy.failed", {}, [{"path": "x.whl", "kind": "wheel"}])
"""
    ran, _ = here.rogue(script, "deploy-staging")
    assert ran.codes == ["LR402"] * 4 + ["LR404"]


@pytest.mark.boundary("DeployBot", "deploy.application on production", plane="contract")
def test_contract_it_cannot_say_that_it_deployed_something_else(here: Quay):
    """What was asked for is filled in by the engine; a success without a check is refused."""
    script = """
result = {"outcome": "success", "checked": 0, "suppressed": 0, "duration_s": 1, "reports": [],
          "tool": {"name": "pip", "version": "1", "digest": job["tools"]["deploy"]},
          "release": "1-x", "active": "1-x", "health": {"status": 200, "body": ""}, "steps_ms": []}
emit("deploy.completed", result)
for name in ("environment", "artifact", "service", "action"):
    emit("deploy.completed", {**result, "checked": 3, name: "production"})
"""
    ran, _ = here.rogue(script, "deploy-staging")
    assert ran.codes[0] == "LR403"
    emitted = [one for one in ran.judged if isinstance(one, Emitted)]
    assert all(b'"environment":"staging"' in bytes(one.payload) for one in emitted)
    assert all(b'"environment":"production"' not in bytes(one.payload) for one in emitted)


def test_kernel_a_run_that_is_killed_leaves_no_process(here: Quay):
    here.workshop.bots = here.workshop.folder / "own"
    shutil.copytree(ROOT / "bots/deploy", here.workshop.bots / "deploy")
    asked = here.asked("deploy", service(), to="staging", service="shop")
    here.crash("check", "deploy-staging", asked, job="job1")
    assert command_lines(str(here.workshop.bots)) == []


def test_the_grants_are_the_least():
    (bot,) = [one for one in load(read_workspace(ROOT)).fleet.bots if one.name == "DeployBot"]
    for action in bot.actions:
        grants, place = action.grants, action.name.removeprefix("deploy-")
        deploys = action.name != "rollback"
        assert grants.write == ("{out}", *([f"{{releases:{place}}}"] if deploys else []))
        assert grants.network == (f"{{relay:{action.name}}}",)
        assert (grants.exec, grants.secrets) == (("{python}",), ())
    assert bot.constraints.max_concurrent_jobs == 1
    assert {path.name for path in toolbox("deploy").packages.iterdir() if path.is_dir()} <= {
        "bin", "pip", "packaging"
    } | {path.name for path in toolbox("deploy").packages.glob("*.dist-info")}  # fmt: skip
