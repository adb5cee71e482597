"""A demonstration: six commits on their way to production, under policy, on a server of its own.

Everything is real: the service, the broker, the sandbox, git, the releases, the mail and the
webhooks. It works in a temporary folder and leaves nothing behind, also when it is interrupted.

Exit codes: 0 all of it really happened, 1 something did not, 2 this host cannot keep the sandbox,
130 interrupted.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import interruption

FAILED, UNFIT, INTERRUPTED = 1, 2, 130
LOG_LINES = 15


def main() -> int:
    """Tell the story; the exit code."""
    interruption.expect()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without check marks gets `?`
    try:
        return _unfit() or _tell()
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _unfit() -> int:
    """Nothing is shown that is not enforced: without the sandbox this ends at once."""
    from lotabots.adapters.sandbox.probe import probe
    from lotabots.adapters.sandbox.report import Level

    if probe(Level.STRICT).holds:
        return 0
    import subprocess

    subprocess.run([sys.executable, "-m", "lotabots", "sandbox", "doctor"], check=False)
    print("error: the demonstration needs the strict sandbox", file=sys.stderr)
    return UNFIT


def _tell() -> int:
    import time

    from closing import look_next, tell
    from progress import screen
    from proof import broken
    from story import FAILURES, Story
    from workspace import temporary

    begin, out = time.monotonic(), screen()
    with temporary() as workspace:
        try:
            facts = Story(workspace, out).play()
            wrong = broken(facts)
            if not wrong:
                tell(facts, out)
        except FAILURES as error:
            wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            for one in wrong:
                out.say(f"\nnot true: {one}", "red")
            log = workspace.log.read_text(encoding="utf-8") if workspace.log.exists() else ""
            out.say("\n".join(line[:300] for line in log.splitlines()[-LOG_LINES:]))
            return FAILED
    out.say(f"\nAll of it really happened, in {time.monotonic() - begin:.0f} s.", "green")
    look_next(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
