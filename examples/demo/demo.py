"""A demonstration on a server of its own: a commit is built, forgeries are refused, an intruder is
stopped by the kernel, and the audit log proves it.

Everything is real: the service, the broker, the sandbox, git. It works in a temporary folder and
leaves nothing behind. Exit code 0 only if everything happened as it should.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LOTABOTS = [sys.executable, "-m", "lotabots"]
PATIENCE_S = 60.0
LAST = ("deploy.requested", "build.failed", "test.failed")
"""What the pipeline of a push ends with, as far as the bots here go."""

POLL_S = 0.2
COLORS = {"green": 32, "red": 31, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}
FANCY = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class DemoError(Exception):
    """Something did not happen as it should."""


class UnfitHostError(Exception):
    """This host cannot keep any sandbox; the text says why and the cure."""


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lotabots-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.check_host()
            demo.tell_the_story()
            demo.prepare()
            with demo.service():
                demo.build_a_commit()
                demo.refuse_forgeries()
                demo.stop_an_intruder()
                demo.prove_it()
        except UnfitHostError as error:
            print(error, file=sys.stderr)
            return 2
        except DemoError as error:
            print(paint(f"\nthe demonstration failed: {error}", "red"))
            print(demo.log_tail())
            return 1
    print(f"\nAll of it really happened, in {time.monotonic() - began:.0f} s. Where to look next:")
    print("  lotabots validate                  prove this repository's fleet")
    print("  lotabots explain BuildBot          what a bot may do, and must never do")
    print("  lotabots run                       the service, for your own repositories")
    return 0


class Demo:
    """The steps, in a workspace of their own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.repository = folder / "shop.git"
        self.checkout = folder / "shop"
        self.log = folder / "service.log"
        self.step = 0
        self.intrusion = ""
        self.doctor = ""

    def check_host(self) -> None:
        """The sandbox must hold here; nothing is shown that is not enforced."""
        done = self.call("sandbox", "doctor")
        if done.returncode:
            raise UnfitHostError(done.stdout + done.stderr)
        self.doctor = done.stdout.strip().splitlines()[0]

    def tell_the_story(self) -> None:
        """The rules alone: proved, and asked about every event of a release."""
        self.title("The rules: proved as a graph, then asked about every event of a release")
        self.say(self.lotabots("validate", "-C", ROOT).strip())
        events = sorted((ROOT / "examples/events").glob("*.json"))
        self.say(self.lotabots("decide", "-C", ROOT, "--quiet", "--exit-zero", *events).rstrip())

    def prepare(self) -> None:
        """A workspace with this repository's fleet, one hostile bot more, and a git repository."""
        self.title("A workspace: this repository's fleet, and a bot that means harm")
        for name in ("rules", "graphs", "bots", "requirements"):
            shutil.copytree(ROOT / name, self.root / name)
        self.install_intruder()
        idle = self.disable_bots_without_program()
        self.run("git", "init", "--quiet", "--bare", "--initial-branch=main", self.repository)
        self.run("git", "clone", "--quiet", self.repository, self.checkout)
        (self.root / "lotabots.yaml").write_text(
            "repositories: {shop: shop.git}\nplaces: {advisories: advisories}\n"
        )
        self.date_the_advisories()
        self.say(self.lotabots("validate", "-C", self.root).strip())
        self.say(f"{idle} bots have no program here and are disabled", "dim")
        tools = self.lotabots("tools", "sync", "-C", ROOT).splitlines()
        (self.root / ".lotabots").mkdir(mode=0o700)
        (self.root / ".lotabots/tools").symlink_to(ROOT / ".lotabots/tools")
        self.say("toolboxes: " + ", ".join(line.split()[0] for line in tools))
        self.say(f"sandbox: {self.doctor}")

    def install_intruder(self) -> None:
        shutil.copytree(
            HERE / "intruder", self.root / "bots/intruder", ignore=lambda *_: ["events.yaml"]
        )
        rule = self.root / "bots/intruder/intruderbot.yaml"
        rule.rename(self.root / "rules/bots/intruderbot.yaml")
        with (self.root / "rules/events.yaml").open("a") as events:
            events.write((HERE / "intruder/events.yaml").read_text())
        with (self.root / "rules/capabilities.yaml").open("a") as capabilities:
            capabilities.write("\n  intrusion.attempt: Try what no rule allows\n")

    def date_the_advisories(self) -> None:
        """SecurityBot wants advisories that are not old; a made-up record stands for them here."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        where = ("--name", "sample", "--to", self.root / "advisories", "--as-of", now)
        program = (sys.executable, "-I", "-S", ROOT / "bots/security")
        self.run(*program, "advisories", HERE / "advisories", *where)

    def disable_bots_without_program(self) -> int:
        installed = {
            line.split(":", 1)[1].strip()
            for manifest in self.root.glob("bots/*/manifest.yaml")
            for line in manifest.read_text().splitlines()
            if line.startswith("bot:")
        }
        idle = 0
        for path in self.root.glob("rules/bots/*.yaml"):
            text = path.read_text()
            if not any(f"name: {name}" in text for name in installed):
                path.write_text(text.replace("enabled: true", "enabled: false", 1))
                idle += 1
        return idle

    @contextmanager
    def service(self) -> Iterator[None]:
        """The service, with everything it needs, for as long as the steps take."""
        self.title("The service, on a NATS server of its own")
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [*LOTABOTS, "run", "-C", str(self.root)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.until("the service is ready", lambda: "ready" in self.log.read_text())
            self.say(self.log.read_text().splitlines()[0])
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()

    def build_a_commit(self) -> None:
        """A push becomes an event, the event a decision, the decision a job, the job a wheel."""
        self.title("A commit is pushed; BuildBot builds it without network, under policy")
        shutil.copytree(HERE / "sample", self.checkout, dirs_exist_ok=True)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Open the shop")
        self.git("push", "--quiet", "origin", "HEAD:main")
        trace = self.until("the pipeline ended", self.finished)
        event = next(s for s in trace["spans"] if s.get("type") == "change.pushed")
        jobs = [s for s in trace["spans"] if s["kind"] == "job"]
        for verdict in event["verdicts"]:
            if verdict["verdict"] == "dispatch":
                place = verdict["rule"]["span"]
                self.say(f"{verdict['target']} does {verdict['action']}  [{place[0]}:{place[1]}]")
        for job in jobs:
            outcome, count = job["outcome"]["outcome"], job["outcome"]["attempts"]
            said = f"{job['bot']}.{job['action']}: {outcome}, attempt {count}"
            self.say(said, "green" if outcome == "success" else "red")
            if outcome != "success":
                raise DemoError(f"{said}: {job['outcome']}")
        self.say(self.lotabots("trace", "-C", self.root, event["id"]).rstrip())

    def finished(self) -> dict[str, Any] | None:
        """The trace of the push, once every job has ended and the wheel was tested."""
        trace = self.ask("trace", "1")
        spans = trace["spans"] if trace else []
        jobs = [s for s in spans if s["kind"] == "job"]
        tested = any(s["kind"] == "event" and s["type"] in LAST for s in spans)
        broken = any(j.get("outcome", {}).get("outcome") not in (None, "success") for j in jobs)
        done = jobs and all("outcome" in job for job in jobs)
        return trace if done and (tested or broken) else None

    def refuse_forgeries(self) -> None:
        """What the broker and the rules refuse."""
        self.title("Somebody asks for what they have no right to")
        forged = self.fails("emit", "build.completed", "-C", self.root, "{}")
        self.say(f"forged result, refused by the broker: {forged}", "green")
        payload = json.dumps({"repository": "shop", "change": {"id": "0" * 40}})
        ident = self.lotabots(
            *("emit", "change.pushed", "-C", self.root, "--to", "DeployBot", payload)
        ).strip()
        trace = self.until("the request is decided", lambda: self.decided(ident))
        (verdict,) = (v for v in trace["spans"][0]["verdicts"] if v["target"] == "DeployBot")
        if verdict["verdict"] != "reject":
            raise DemoError(f"DeployBot got {verdict}")
        place = verdict["rule"]["span"]
        self.say(
            f"out of scope, refused by decision: {verdict['code']} {verdict['reason']}  "
            f"[{place[0]}:{place[1]}]",
            "green",
        )

    def decided(self, ident: str) -> dict[str, Any] | None:
        trace = self.ask("trace", ident)
        return trace if trace and trace["spans"][0].get("verdicts") else None

    def stop_an_intruder(self) -> None:
        """A bot whose program does what its rules do not grant."""
        self.title("A hostile bot runs: it may write to its output folder, and wants more")
        self.intrude("break-out")
        report = self.until("the intruder's report", self.reported)
        for attempt in report["attempts"]:
            if not attempt["stopped"]:
                raise DemoError(f"the intruder could {attempt['what']}")
            self.say(f"it tried to {attempt['what']}: {attempt['by']}", "green")
        (forged,) = (a for a in self.intrude("forge")["attempts"] if a.get("report"))
        (violation,) = forged["violations"]
        self.say(f"it forged an event: {violation['code']} {violation['reason']}", "green")
        (hoard,) = (a for a in self.intrude("hoard")["attempts"] if a.get("report"))
        limit = hoard["report"]["limit"]
        if not limit.startswith("memory"):
            raise DemoError(f"the intruder's run ended with {hoard['report']}")
        self.say(f"it took all the memory there is: ended by the limit `{limit}`", "green")

    def intrude(self, way: str) -> dict[str, Any]:
        """Ask the intruder for its worst; the job that came of it."""
        url = json.loads((self.root / ".lotabots/run.json").read_text())["url"]
        payload = json.dumps({"way": way, "port": int(url.rsplit(":", 1)[1])})
        self.intrusion = self.lotabots(
            "emit", "intrusion.requested", "-C", self.root, payload
        ).strip()
        return self.until("the intruder has ended", self.ended_job)

    def ended_job(self) -> dict[str, Any] | None:
        trace = self.ask("trace", self.intrusion)
        for span in trace["spans"] if trace else []:
            if span["kind"] == "job" and "outcome" in span:
                return span
        return None

    def reported(self) -> dict[str, Any] | None:
        trace = self.ask("trace", self.intrusion)
        for span in trace["spans"] if trace else []:
            if span.get("type") == "intrusion.reported":
                return span["payload"]
        return None

    def prove_it(self) -> None:
        """The audit log, verified from its files alone."""
        self.title("The audit log is whole")
        self.until("the audit log has caught up", self.verified)
        self.say(self.lotabots("audit", "verify", "-C", self.root).strip())

    def verified(self) -> bool:
        done = self.call("audit", "verify", "-C", self.root)
        return done.returncode == 0

    # ------------------------------------------------------------------ talking and waiting

    def title(self, text: str) -> None:
        self.step += 1
        print(f"\n{paint(f'{self.step}. {text}', 'bold')}", flush=True)

    def say(self, text: str, color: str = "") -> None:
        for line in text.splitlines():
            print(f"   {paint(line, color)}", flush=True)

    def until(self, what: str, ready: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = ready()
            if found:
                return found
            time.sleep(POLL_S)
        raise DemoError(f"{what}: not within {PATIENCE_S:.0f} s")

    def ask(self, verb: str, ident: str) -> dict[str, Any] | None:
        done = self.call(verb, ident, "-C", self.root, "--format", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def lotabots(self, *words: object) -> str:
        done = self.call(*words)
        if done.returncode:
            raise DemoError(f"lotabots {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def fails(self, *words: object) -> str:
        done = self.call(*words)
        if done.returncode == 0:
            raise DemoError(f"lotabots {words[0]} {words[1]} was not refused")
        return done.stderr.strip().removeprefix("error: ")

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [*LOTABOTS, *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=demo", "-c", "user.email=demo@example.org")
        self.run("git", "-C", self.checkout, *who, *words)

    def run(self, *words: object) -> None:
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")

    def log_tail(self) -> str:
        lines = self.log.read_text().splitlines()[-15:] if self.log.exists() else []
        return "\n".join(line[:300] for line in lines)


def paint(text: str, color: str) -> str:
    return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if FANCY and color else text


if __name__ == "__main__":
    sys.exit(main())
