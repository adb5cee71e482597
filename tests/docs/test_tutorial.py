"""A reader who does what docs/tutorial.md says sees what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tutorial import Reader, alike, steps_of, written_anew

PAGE = (Path(__file__).resolve().parents[2] / "docs/tutorial.md").read_text(encoding="utf-8")

LITTLE = """\
Make a file:

<!-- file: a/b.txt -->
```text
one
two
```

```console
$ cat a/b.txt
one
two
$ cd a
$ cat b.txt >&2
one
{last}
```
"""


@pytest.mark.usefixtures("launcher")
def test_every_step_of_the_tutorial_prints_what_the_page_says(tmp_path: Path):
    with Reader(tmp_path) as reader:
        for step in steps_of(PAGE):
            said = reader.do(step)
            assert alike(said) == alike(step.text), f"line {step.first}: {step.command}\n{said}"


def test_the_tutorial_runs_the_whole_way():
    commands = " ".join(step.command for step in steps_of(PAGE))
    ways = ["validate", "decide", "run", "emit", "trace", "why", "audit", "graph"]
    assert [way for way in ways if f"lotabots {way}" not in commands] == []
    assert "^C" in commands


def test_a_page_that_says_something_else_is_found_and_mended(tmp_path: Path):
    right, wrong = LITTLE.format(last="two"), LITTLE.format(last="three")
    assert written_anew(right, tmp_path / "right") == right
    assert written_anew(wrong, tmp_path / "wrong") == right


def test_what_differs_from_run_to_run_is_alike_and_nothing_else():
    assert alike("at nats://127.0.0.1:1; state in /a/words/.x") == alike(
        "at nats://127.0.0.1:23; state in /b/c/words/.x"
    )
    assert alike("  ABot.x: success   ██   12 ms") == alike("  ABot.x: success      ◆   3 ms")
    assert alike("attempt 1: exit status 0, 0.02 s") != alike("attempt 1: exit status 1, 0.02 s")
    assert alike("from cli.ann, id plan") != alike("from cli.ann, id talk")
    assert alike("[rules/bots/a.yaml:6]") != alike("[rules/bots/a.yaml:7]")


def test_a_traceback_is_alike_in_all_versions_of_python():
    older = """\
      log (the last 5 of 6 lines; all: /a/words/.lotabots/blobs/1)
      |   File "<frozen runpy>", line 198, in _run_module_as_main
      |     open("/etc/hostname")
      | FileNotFoundError: no"""
    newer = """\
      log (the last 5 of 8 lines; all: /b/words/.lotabots/blobs/2)
      |     open("/etc/hostname")
      |     ~~~~^^^^^^^^^^^^^^^^^
      | FileNotFoundError: no"""
    assert alike(older) == alike(newer)
    assert alike(older) != alike(newer.replace("no", "yes"))
