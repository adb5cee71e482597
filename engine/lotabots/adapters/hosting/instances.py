"""Instances of a release: processes in the strict sandbox that answer on a port of the loopback.

A release sees its own folder and the interpreter, read-only, and no network but the one port that
the variable PORT names. It ends with us, whatever happens to us (see `adapters.sandbox`).
"""

from __future__ import annotations

import asyncio
import configparser
import logging
import re
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.executor.exchange import converse
from lotabots.adapters.executor.interpreter import own_interpreter, system_libraries
from lotabots.adapters.executor.output import Lines, Log, Secrets
from lotabots.adapters.hosting.asking import ask
from lotabots.adapters.sandbox.report import RefusedError
from lotabots.policy.project_kernel import KernelPolicy, Limits, Net

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.adapters.hosting.asking import Asked
    from lotabots.adapters.hosting.journal import Journal, Pen
    from lotabots.adapters.sandbox.launch import Run
    from lotabots.adapters.sandbox.report import Report
    from lotabots.policy.hosting import Hosted

log = logging.getLogger(__name__)

UP_S: Final = 15.0
"""How long a new instance may take until it answers."""

CHECK_S: Final = 10.0
TAIL: Final = 4096
"""Bytes of the log that a refusal shows."""

_PAUSE_S: Final = 0.02
_PORT_TRIES: Final = 5
_FASTEST: Final = 4 * 1024 * 1024
"""Bytes of each stream that are read in a second; a program that writes more waits."""

_FOR_EVER: Final = 2**40
_ENV: Final = {"HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # noqa: S108 - the sandbox's own
_LARGEST_LIST: Final = 256 * 1024
_OBJECT: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)\s*(?:\[.*\])?", re.ASCII)
_BOOT: Final = (
    "import sys; from importlib import import_module; "
    "folder, script, module, names, *rest = sys.argv[1:]; "
    "sys.path.insert(0, folder); sys.argv[:] = [script, *rest]; "
    "found = import_module(module); "
    "[found := getattr(found, name) for name in names.split('.')]; "
    "sys.exit(found())"
)


class FailedError(Exception):
    """An instance did not come up; `log` is the end of what it wrote."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class _Pieces(Lines):
    """A stream as it comes. Nobody reads the lines of a release, and they can be without number."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class Program(NamedTuple):
    """What is run: the folder of a release and the object that its console script names."""

    folder: Path
    script: str
    module: str
    attribute: str


class Instance:
    """A process under way. `port` is where it answers."""

    def __init__(self, port: int, wrote: Log, task: asyncio.Task[Report]) -> None:
        self.port = port
        self._wrote = wrote
        self._task = task
        # Whoever asks for many checks takes no more than one connection by them.
        self._turn = asyncio.Semaphore(1)

    def tail(self) -> str:
        """The end of what it wrote."""
        return self._wrote.text(Secrets({}))[-TAIL:].decode(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._task.done()

    async def end(self) -> str:
        """Wait until it ends by itself; how it ended."""
        await asyncio.wait([self._task])
        if self._task.cancelled():
            return "it was stopped"
        if (error := self._task.exception()) is not None:
            log.error("instance.lost", extra={"port": self.port}, exc_info=error)
            return "it was lost; the host's log says how (`instance.lost`)"
        return _words(self._task.result())

    async def ask(self, path: str) -> Asked:
        """One GET of `path`."""
        async with self._turn:
            return await ask("127.0.0.1", self.port, path, within_s=CHECK_S)

    async def stop(self) -> None:
        """End it, with all its processes."""
        self._task.cancel()
        await asyncio.wait([self._task])


def program_of(folder: Path, run: str) -> Program:
    """The console script of the packages in `folder` that `run` begins with.

    Raises:
        FailedError: none of them has it, or several have different ones.
    """
    script = run.partition(" ")[0]
    found: set[tuple[str, str]] = set()
    for file in sorted(folder.glob("*.dist-info/entry_points.txt")):
        if file.stat().st_size > _LARGEST_LIST:
            raise FailedError(f"{file.parent.name}/{file.name} is too large")
        if (text := _console_scripts(file).get(script)) is None:
            continue
        match = _OBJECT.fullmatch(text.strip())
        if match is None:
            raise FailedError(f"console script `{script}` names `{text[:128]}`, not module:object")
        found.add((match[1], match[2]))
    if len(found) != 1:
        many = "several packages have" if found else "no package of the release has"
        raise FailedError(f"{many} a console script `{script}`; see `run` in lotabots.yaml")
    module, attribute = found.pop()
    return Program(folder, script, module, attribute)


async def start(hosted: Hosted, program: Program, sandbox: Sandbox, journal: Journal) -> Instance:
    """Start an instance that writes into `journal`, and wait until it answers.

    Raises:
        FailedError: it ended, or gave no answer in time; then nothing of it is left.
    """
    for last in range(_PORT_TRIES - 1, -1, -1):
        instance = _launch(hosted, program, sandbox, journal)
        try:
            await _until_up(instance, hosted)
        except FailedError as error:
            # Between choosing the port and opening it somebody else may have taken it.
            if last and "of `net.bind`" in str(error):
                continue
            raise
        except BaseException:
            await instance.stop()
            raise
        return instance
    raise AssertionError("the last try returns or raises")


def _launch(hosted: Hosted, program: Program, sandbox: Sandbox, journal: Journal) -> Instance:
    if sandbox.launcher is None:
        log.error("host.no_sandbox", extra={"why": sandbox.problem})
        raise FailedError("there is no sandbox here; `lotabots sandbox doctor` says why")
    port = _free_port()
    argv = (
        *(own_interpreter().program, "-I", "-S", "-B", "-u", "-c", _BOOT),
        *(str(program.folder), program.script, program.module, program.attribute),
        *(word.replace("{port}", str(port)) for word in hosted.run.split(" ")[1:]),
    )
    try:
        run = sandbox.launcher.start(_policy(hosted, program, port), argv, level=sandbox.level)
    except (RefusedError, ValueError) as error:
        log.exception("instance.refused", extra={"target": hosted.name})
        text = "the sandbox does not start it; the host's log says why (`instance.refused`)"
        raise FailedError(text) from error
    wrote = Log()
    talk = _listen(run, wrote, (journal.pen(port), journal.pen(port)))
    return Instance(port, wrote, asyncio.create_task(talk))


async def _listen(run: Run, wrote: Log, pens: tuple[Pen, Pen]) -> Report:
    """Take what the instance writes, until it ends."""

    async def note(piece: bytes, pen: Pen) -> None:
        wrote.feed(piece)
        pen.feed(piece)
        await asyncio.sleep(len(piece) / _FASTEST)

    out, error = pens
    try:
        return await converse(
            run,
            b"",
            lines=_Pieces(0),
            on_line=lambda piece: note(piece, out),
            on_log=lambda piece: note(piece, error),
        )
    finally:
        for pen in pens:
            pen.end()


def _policy(hosted: Hosted, program: Program, port: int) -> KernelPolicy:
    python = own_interpreter()
    return KernelPolicy(
        name=hosted.name,
        # As code: packages may hold compiled modules.
        runtime=(str(program.folder.resolve()), *system_libraries(), *python.runtime),
        exec=(python.program,),
        net=Net(bind=(port,)),
        env={**_ENV, **hosted.env, "PORT": str(port)},
        limits=Limits(
            memory_mb=hosted.memory_mb,
            processes=hosted.processes,
            cpu_s=_FOR_EVER,
            wall_s=_FOR_EVER,
            output_bytes=_FOR_EVER,
        ),
    )


async def _until_up(instance: Instance, hosted: Hosted) -> None:
    """Wait for the first answer, of whatever status: that it is right is for a check to say."""
    ending = asyncio.create_task(instance.end())
    asking = asyncio.create_task(_first_answer(instance, hosted.health))
    try:
        await asyncio.wait([ending, asking], timeout=UP_S, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            raise FailedError(f"it ended before it answered: {ending.result()}", instance.tail())
        if not asking.done():
            await instance.stop()
            raise FailedError(f"it did not answer within {UP_S:.0f} s", instance.tail())
    finally:
        for task in (ending, asking):
            task.cancel()
        await asyncio.wait([ending, asking])


async def _first_answer(instance: Instance, path: str) -> None:
    while not (await ask("127.0.0.1", instance.port, path, within_s=UP_S)).status:  # noqa: ASYNC110 - another process
        await asyncio.sleep(_PAUSE_S)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _console_scripts(file: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        log.exception("release.unreadable", extra={"file": str(file)})
        text = f"{file.parent.name}/{file.name} cannot be read ({type(error).__name__})"
        raise FailedError(text) from error
    return dict(parser["console_scripts"]) if parser.has_section("console_scripts") else {}


def _words(report: Report) -> str:
    if report.refused:
        return f"the sandbox refused it: {report.refused}"
    if report.limit:
        return f"it exceeded its limit `{report.limit}`"
    return f"exit status {report.status}"
