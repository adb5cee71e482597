"""Toolboxes: the locked tools of bots, each built once, read-only, every file of it known.

A toolbox is a folder of Python packages (there may be none) plus the programs of the host that it
names. It is built from ``requirements/toolbox-NAME.txt`` (exact versions with hashes) and, if there
is one, ``requirements/toolbox-NAME.programs``; its digest is that of these two, of the Python
version and of the platform, so the same digest means the same tools. Only wheels are taken: nothing
of a package runs while it is installed. A manifest beside the packages holds the SHA-256 of each
file.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LAYOUT: Final = 1
PREFIX: Final = "toolbox-"
_NAME_DIGITS: Final = 16
_COMPILED_AS: Final = "/toolbox"
_LOG_TAIL: Final = 2000
_OWN_PIP_SETTINGS: Final = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT", "PYTHONPATH")


class ToolboxError(Exception):
    """A toolbox cannot be read, built or trusted; the message says why and what to do."""


class Spec(NamedTuple):
    """What a toolbox is made from: its lock file and the host's programs it names."""

    name: str
    lock: bytes
    programs: tuple[str, ...]

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of everything that decides which tools these are."""
        parts = {
            "layout": LAYOUT,
            "lock": hashlib.sha256(self.lock).hexdigest(),
            "programs": self.programs,
            "python": platform.python_version(),
            "platform": sysconfig.get_platform(),
        }
        return f"sha256:{hashlib.sha256(_canonical(parts)).hexdigest()}"

    def folder(self, tools: Path) -> Path:
        """Where the toolbox lies among `tools`."""
        return tools / f"{self.name}-{self.digest.removeprefix('sha256:')[:_NAME_DIGITS]}"


class Toolbox(NamedTuple):
    """A built toolbox. `packages` is the folder to import from, `programs` maps names to paths."""

    name: str
    digest: str
    packages: Path
    programs: Mapping[str, str]


def read_specs(requirements: Path) -> tuple[Spec, ...]:
    """The toolboxes that the folder `requirements` describes, by name."""
    found = []
    for lock in sorted(requirements.glob(f"{PREFIX}*.txt")):
        programs = lock.with_suffix(".programs")
        text = programs.read_text(encoding="utf-8") if programs.exists() else ""
        names = [line.partition("#")[0].strip() for line in text.splitlines()]
        name = lock.stem.removeprefix(PREFIX)
        found.append(Spec(name, lock.read_bytes(), tuple(sorted(filter(None, names)))))
    return tuple(found)


def sync(spec: Spec, tools: Path, *, packages: Path) -> Toolbox:
    """Build the toolbox of `spec` below `tools`, unless it is there; `packages` keeps downloads.

    Raises:
        ToolboxError: a program is missing, a package cannot be fetched or has another hash.
    """
    if not spec.folder(tools).exists():
        tools.mkdir(parents=True, exist_ok=True, mode=0o755)
        _discard_left_behind(tools)
        part = tools / f".part-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            _build(spec, part, packages)
            _publish(part, spec.folder(tools))
        finally:
            _discard(part)
    return open_toolbox(spec, tools)


def open_toolbox(spec: Spec, tools: Path) -> Toolbox:
    """The built toolbox of `spec`, unchecked; see `changes`.

    Raises:
        ToolboxError: it is not built.
    """
    folder = spec.folder(tools)
    if not (folder / "manifest.json").is_file():
        raise ToolboxError(f"toolbox `{spec.name}` is not built: run `lotabots tools sync`")
    programs = {name: entry["path"] for name, entry in _manifest(folder)["programs"].items()}
    return Toolbox(spec.name, spec.digest, folder / "packages", programs)


def changes(toolbox: Toolbox) -> tuple[str, ...]:
    """Everything that is not as it was built, one line each; empty if all is well."""
    manifest = _manifest(toolbox.packages.parent)
    if manifest["digest"] != toolbox.digest:
        return (f"manifest.json is that of {manifest['digest']}",)
    return (
        *_file_changes(manifest["files"], dict(_files(toolbox.packages))),
        *_program_changes(manifest["programs"]),
    )


def content_digest(toolbox: Toolbox) -> str:
    """The digest of the manifest, and so of every file: equal only for equal bytes."""
    manifest = (toolbox.packages.parent / "manifest.json").read_bytes()
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def _build(spec: Spec, part: Path, packages: Path) -> None:
    programs = {name: _program(name, spec.name) for name in spec.programs}
    part.mkdir(mode=0o755)
    lock = part / "lock.txt"
    lock.write_bytes(spec.lock)
    target = part / "packages"
    target.mkdir()
    if _has_packages(spec):
        _install(spec, lock, target, packages)
    _drop_scripts(target / "bin")
    _compile(target)
    manifest = {
        "version": LAYOUT,
        "name": spec.name,
        "digest": spec.digest,
        "python": platform.python_version(),
        "programs": programs,
        "files": dict(_files(target)),
    }
    (part / "manifest.json").write_bytes(_canonical(manifest) + b"\n")


def _has_packages(spec: Spec) -> bool:
    """Whether the lock names any: a toolbox may hold programs only, and needs no pip then."""
    lines = spec.lock.decode().splitlines()
    return any(line.strip() and not line.startswith("#") for line in lines)


def _program(name: str, toolbox: str) -> dict[str, str]:
    found = shutil.which(name)
    if found is None:
        raise ToolboxError(f"toolbox `{toolbox}` needs the program `{name}`: install it")
    path = Path(found).resolve()
    return {"path": str(path), "digest": _digest(path)}


def _install(spec: Spec, lock: Path, target: Path, packages: Path) -> None:
    """From the kept downloads if they are complete, so that a rebuild needs no network."""
    packages.mkdir(parents=True, exist_ok=True)
    strict = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock))
    install = ("install", "--no-compile", "--target", str(target), *strict)
    kept = ("--no-index", "--find-links", str(packages))
    if not _pip(*install, *kept):
        return
    said = _pip("download", "--dest", str(packages), *strict) or _pip(*install, *kept)
    if said:
        raise ToolboxError(f"toolbox `{spec.name}` cannot be installed:\n{said}")


def _pip(*arguments: str) -> str:
    """What pip said if it failed, else nothing."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    env = {name: text for name, text in os.environ.items() if name not in _OWN_PIP_SETTINGS}
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [*command, *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**env, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    return "" if done.returncode == 0 else (done.stderr or done.stdout)[-_LOG_TAIL:] or "no reason"


def _drop_scripts(folder: Path) -> None:
    """Scripts begin with the path of pip's interpreter, which no sandbox has; programs stay."""
    for path in folder.iterdir() if folder.exists() else ():
        with path.open("rb") as file:
            script = file.read(2) == b"#!"
        if script:
            path.unlink()


def _compile(target: Path) -> None:
    """Without it a read-only toolbox would be parsed at every start; never checked against it."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", "0"]
    mode = ["--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", _COMPILED_AS]
    # Templates among the packages may not compile, and nobody imports them.
    subprocess.run([*command, *mode, str(target)], check=False, stdout=subprocess.DEVNULL)  # noqa: S603


def _publish(part: Path, folder: Path) -> None:
    """Make everything read-only, then give it its name in one step."""
    for path in (part, *part.rglob("*")):
        executable = path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o555 if path.is_dir() or executable else 0o444)
    # A folder that is not writable can only be renamed by root.
    part.chmod(0o755)
    try:
        part.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    else:
        folder.chmod(0o555)


def _discard_left_behind(tools: Path) -> None:
    """The parts of builds whose process is gone."""
    for part in tools.glob(".part-*"):
        pid = part.name.split("-")[1]
        if not Path("/proc", pid).exists():
            _discard(part)


def _discard(part: Path) -> None:
    if part.exists():
        for path in (part, *part.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(part)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Relative paths and digests of all files; what is no plain file has its kind instead."""
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISDIR(mode):
            plain = stat.S_ISREG(mode)
            yield path.relative_to(folder).as_posix(), _digest(path) if plain else "not a file"


def _file_changes(built: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(built.keys() | found.keys()):
        if path not in found:
            yield f"packages/{path} is missing"
        elif path not in built:
            yield f"packages/{path} was added"
        elif built[path] != found[path]:
            yield f"packages/{path} was changed"


def _program_changes(programs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, built in sorted(programs.items()):
        path = Path(built["path"])
        if not path.is_file():
            yield f"program `{name}` is gone from {path}"
        elif _digest(path) != built["digest"]:
            yield f"program `{name}` ({path}) was changed"


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ToolboxError(f"{folder.name}/manifest.json cannot be read: {error}") from error
    return value


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
