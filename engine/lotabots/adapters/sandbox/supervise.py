"""Watches one run to its end: carries its output, keeps its limits, leaves nothing behind.

A supervisor is a process of its own, so that whatever happens to it the kernel ends the run (the
process namespace dies with bubblewrap, bubblewrap with us). It ends the run itself when a limit is
passed, when the engine says so, and when the engine is gone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from lotabots.adapters.sandbox.ending import bury, drain, kill
from lotabots.adapters.sandbox.report import LIMIT_STATUS
from lotabots.adapters.sandbox.running import not_blocking
from lotabots.adapters.sandbox.usage import Meter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.adapters.sandbox.request import Channels
    from lotabots.adapters.sandbox.running import Running
    from lotabots.policy.project_kernel import Limits

_MIB: Final = 2**20
_CHUNK: Final = 65_536
_LAZY_S: Final = 0.05
_ALERT_S: Final = 0.01
_ALERT_SHARE: Final = 0.4
_GROWTH_SHARE: Final = 0.05
_DISK_SHARE: Final = 5
_DISK_PAUSE_S: Final = 0.05
_MAX_NOTES: Final = 1000
_HANGUP: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Supervisor:
    """One run; it is watched once."""

    def __init__(self, running: Running, channels: Channels, limits: Limits) -> None:
        self._running = running
        self._control = channels.control
        self._limits = limits
        self._meter = Meter(running.root, folders=running.folders, ours=running.ours)
        self._streams = {running.stdout: channels.stdout, running.stderr: channels.stderr}
        self._pending: dict[int, bytes] = {}
        self._notes: list[Mapping[str, Any]] = []
        self._log = b""
        self._output = 0
        self._peak = 0
        self._cpu_s = 0.0
        self._disk = 0
        self._started = time.monotonic()
        self._next_look = 0.0
        self._next_disk = 0.0
        self._disk_asked = 0.0
        self._shares: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._slowness = _ALERT_S
        self._ended: Mapping[str, Any] | None = None

    def watch(self) -> list[Mapping[str, Any]]:
        """Stay until the run has ended and its output is delivered."""
        for sink in self._streams.values():
            not_blocking(sink)
        child = os.pidfd_open(self._running.child)
        while not self._exited(child):
            self._wait(child)
            self._look()
        status = self._finish()
        while self._streams and self._wait(None):
            pass
        return self._report(status)

    def _exited(self, child: int) -> bool:
        """Whether the program is gone. A run that was ended is gone when its tree is."""
        waiting = select.poll()
        waiting.register(child, select.POLLIN)
        return bool(waiting.poll(0))

    def _wait(self, child: int | None) -> bool:
        """Carry what can be carried, for at most one interval; False when the engine is gone."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        waiting.register(self._running.agent.answers, select.POLLIN)
        if self._running.log >= 0:
            waiting.register(self._running.log, select.POLLIN)
        if child is not None:
            waiting.register(child, select.POLLIN)
        for source, sink in self._streams.items():
            if source in self._pending:
                waiting.register(sink, select.POLLOUT)
            else:
                waiting.register(source, select.POLLIN)
        pause = max(self._next_look - self._elapsed(), 0.0) if child is not None else 1.0
        ready = dict(waiting.poll(pause * 1000))
        return self._handle(ready)

    def _handle(self, ready: Mapping[int, int]) -> bool:
        for source, sink in list(self._streams.items()):
            if source in ready:
                self._read(source)
            elif sink in ready:
                self._write(source)
        if self._running.agent.answers in ready:
            self._disk_answer()
        if self._running.log in ready:
            self._read_log()
        if self._control in ready:
            message = b"" if ready[self._control] & _HANGUP else os.read(self._control, 1)
            self._end({"kind": "stopped", "by": "engine" if message else "loss of the engine"})
            return False
        return True

    def _read(self, source: int) -> None:
        chunk = os.read(source, _CHUNK)
        if not chunk:
            os.close(self._streams.pop(source))
            return
        room = self._limits.output_bytes - self._output
        self._output += len(chunk)
        if len(chunk) > room:
            self._limit("output_bytes", self._output, self._limits.output_bytes)
        if room > 0:
            self._pending[source] = chunk[:room]
            self._write(source)

    def _write(self, source: int) -> None:
        data = self._pending.pop(source)
        try:
            done = os.write(self._streams[source], data)
        except BlockingIOError:
            done = 0
        except OSError:
            return  # nobody reads any more: the output is counted and dropped
        if done < len(data):
            self._pending[source] = data[done:]

    def _read_log(self) -> None:
        chunk = os.read(self._running.log, _CHUNK)
        if not chunk:
            self._running = self._running._replace(log=-1)
            return
        *lines, self._log = (self._log + chunk).split(b"\n")
        room = max(_MAX_NOTES - len(self._notes), 0)
        self._notes += map(json.loads, lines[:room])

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _look(self) -> None:
        """Compare what is used with what is allowed, when it is time."""
        now = self._elapsed()
        if now < self._next_look or self._ended is not None:
            return
        limits = self._limits
        if now > limits.wall_s:
            self._limit("wall_s", round(now, 3), limits.wall_s)
        sample = self._meter.sample()
        self._cpu_s = max(self._cpu_s, sample.cpu_s)
        if sample.tasks > limits.processes:
            self._limit("processes", sample.tasks, limits.processes)
        if sample.cpu_s > limits.cpu_s:
            self._limit("cpu_s", round(sample.cpu_s, 2), limits.cpu_s)
        self._look_at_memory(sample.memory)
        self._look_at_disk(now)
        pause = self._pause(
            (
                sample.memory / (limits.memory_mb * _MIB),
                self._disk / (limits.disk_mb * _MIB),
                sample.tasks / limits.processes,
            )
        )
        self._next_look = self._elapsed() + min(pause, max(limits.wall_s - now, 0.0))

    def _pause(self, shares: tuple[float, ...]) -> float:
        """Look again soon while something grows or is near its limit, else slower each time."""
        grown = any(
            new > _ALERT_SHARE or new > old + _GROWTH_SHARE
            for old, new in zip(self._shares, shares, strict=True)
        )
        self._shares = shares
        self._slowness = _ALERT_S if grown else min(1.5 * self._slowness, _LAZY_S)
        return self._slowness

    def _look_at_memory(self, memory: int) -> None:
        bound = self._limits.memory_mb * _MIB
        if memory > bound:
            memory = self._meter.proportional_memory()
        self._peak = max(self._peak, memory)
        if memory > bound:
            self._limit("memory_mb", -(-memory // _MIB), self._limits.memory_mb)

    def _look_at_disk(self, now: float) -> None:
        """Ask for a walk, but never spend more than a small share of the time on walking."""
        if self._running.devices and not self._disk_asked and now >= self._next_disk:
            self._disk_asked = now
            self._running.agent.request()

    def _disk_answer(self) -> None:
        walked = self._running.agent.answer()
        now = self._elapsed()
        took = now - self._disk_asked
        self._disk_asked = 0.0
        self._next_disk = now + max(_DISK_SHARE * took, _ALERT_S if walked else _DISK_PAUSE_S)
        self._disk = walked + self._meter.deleted_bytes(self._running.devices)
        if self._disk > self._limits.disk_mb * _MIB:
            self._limit("disk_mb", -(-self._disk // _MIB), self._limits.disk_mb)

    def _limit(self, name: str, value: float, bound: float) -> None:
        self._end({"kind": "limit", "limit": name, "value": value, "bound": bound})

    def _end(self, entry: Mapping[str, Any]) -> None:
        if self._ended is None:
            self._ended = entry
            kill(self._running, self._meter)

    def _finish(self) -> int:
        """Everything dead and reaped; the program's exit status."""
        _, waited = os.waitpid(self._running.child, 0)
        bury(self._running, self._meter)
        if self._running.devices and self._ended is None:
            self._measure_disk_again()
        if self._ended is None:
            drain(self._running.relays)
        for ours in (*self._running.relays, self._running.agent.pid):
            os.kill(ours, signal.SIGKILL)  # not waited for: our own end reaps them
        code = os.waitstatus_to_exitcode(waited)
        return code if code >= 0 else 128 - code

    def _measure_disk_again(self) -> None:
        """The last look, at what stays: nothing changes any more."""
        if self._disk_asked:
            self._running.agent.answer()
        self._disk_asked = self._elapsed()
        self._running.agent.request()
        self._disk_answer()

    def _report(self, status: int) -> list[Mapping[str, Any]]:
        entries = list(self._notes)
        if self._ended is not None:
            entries.append(self._ended)
            status = LIMIT_STATUS if self._ended["kind"] == "limit" else 128 + signal.SIGKILL
        elif status == 128 + signal.SIGSYS:
            entries.append({"kind": "killed", "by": "filter"})
        used = {
            "wall_s": round(self._elapsed(), 3),
            "cpu_s": round(self._cpu_s, 2),
            "memory_mb": -(-self._peak // _MIB),
            "output_bytes": self._output,
            "disk_mb": -(-self._disk // _MIB),
        }
        return [*entries, {"kind": "exit", "status": status, "used": used}]
