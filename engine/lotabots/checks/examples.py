"""The examples in the pages of the codes: small fleets that are executed as tests.

A page has a section ``## Bad`` and one ``## Good``. Each holds a fenced ``yaml`` block of files,
each file begun by a line ``# file: <path>``; line 1 of the file is the line after. A file replaces
the one of the same path in `FLEET`, the small clean fleet that all examples start from, so that an
example shows only what matters. ``# remove: <path>`` takes a file away.

The bad example is followed by a ``text`` block: the findings, as `validate --format concise`
prints them.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FLEET: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rules/fleet.yaml": """\
fleet: {name: example, version: 1.0.0}
categories: {development: Code quality and builds}
phases: [{name: core, doc: First}, {name: later, doc: Then}]
""",
        "rules/capabilities.yaml": """\
capabilities:
  build: Make artifacts
  test.run: Run tests
  test.report: Publish results
  code.modify: Change source code
  code.modify.formatting: Change layout only
  deploy.staging: Put a build into staging
  deploy.production: Put a build into production
""",
        "rules/events.yaml": """\
events:
  change.pushed:
    external: true
    emitters: [ingress.git]
    payload: {repository: string, branch: string}
  build.completed:
    emitters: [BuildBot]
    payload: {repository: string, branch: string, outcome: {enum: [success, failure]}}
  test.completed:
    terminal: true
    emitters: [TestBot]
    payload: {repository: string, passed: {type: integer, min: 0}, "coverage?": number}
""",
        "rules/bots/buildbot.yaml": """\
bot: {name: BuildBot, version: 1.0.0}
scope: [build]
triggers: [{type: event, pattern: change.pushed}]
actions:
  - {name: build, type: execute, capability: build, command: build, emits: [build.completed]}
outputs: [{type: message, event: build.completed, destination: TestBot}]
""",
        "rules/bots/testbot.yaml": """\
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - {name: test, type: execute, capability: test.run, command: test, emits: [test.completed]}
dependencies: [BuildBot]
""",
        "graphs/dependencies.yaml": """\
edges:
  - {from: BuildBot, to: TestBot, via: [build.completed]}
""",
    }
)
"""The small clean fleet: BuildBot builds what is pushed, TestBot tests what was built."""


class Example(NamedTuple):
    """A page's examples: whole workspaces, and the findings of the bad one."""

    bad: Mapping[str, str]
    expected: tuple[str, ...]
    good: Mapping[str, str]


class ExampleError(ValueError):
    """A page whose examples cannot be read; a fault of ours."""


def read(markdown: str) -> Example:
    """The examples of a page.

    Raises:
        ExampleError: a section or a block is missing.
    """
    bad, good = _section(markdown, "Bad"), _section(markdown, "Good")
    lines = _block(bad, "text").splitlines()
    return Example(_files(_block(bad, "yaml")), tuple(lines), _files(_block(good, "yaml")))


def _section(markdown: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", markdown, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ExampleError(f"no section `## {title}`")
    return found[1]


def _block(section: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ExampleError(f"no ```{language} block")
    return found[1]


def _files(block: str) -> Mapping[str, str]:
    files = dict(FLEET)
    name = ""
    for line in block.splitlines(keepends=True):
        if line.startswith("# file: "):
            name = line.removeprefix("# file: ").strip()
            files[name] = ""
        elif line.startswith("# remove: "):
            del files[line.removeprefix("# remove: ").strip()]
        elif name:
            files[name] += line
        elif line.strip():
            raise ExampleError("the block does not begin with `# file: <path>`")
    return MappingProxyType(files)
