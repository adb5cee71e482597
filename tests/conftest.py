"""Settings of all tests: how long the property tests look, and how they say what they found."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# `make soak` sets it. A test with a large N of its own reads it too.
SOAK = os.environ.get("LOTABOTS_SOAK") == "1"

# No deadline: how long one example takes says more about the machine than about the code.
settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile("soak", settings.get_profile("quick"), max_examples=5_000)
# The same examples for the same code: what fails in CI is what the change did. New examples are
# looked for at every developer's desk and by the soak.
settings.register_profile("ci", settings.get_profile("quick"), derandomize=True, database=None)
settings.load_profile("soak" if SOAK else "ci" if os.environ.get("CI") else "quick")

# Tests that were started in the background ignore Ctrl-C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
