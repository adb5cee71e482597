"""A grant that no sandbox can keep.

## Why
A sandbox that cannot keep all grants of an action does not start it. A misspelt placeholder, a
path that is relative or has ``..``, a destination that is not one host and one port, a grant below
a place that may be written: each is known before anything runs. A bot could plant a link in what it
may write, so nothing else is shown to it from below there.

The engine itself knows ``{out}``, ``{artifact}``, ``{artifacts}``, ``{repository}`` (or
``{source}``), ``{bot}``, ``{python}``, ``{state}``, ``{wheelhouse}`` and ``{toolbox:NAME}``, and among
destinations ``{relay:NAME}``. Other words stand for the places that the service configuration names;
only there it shows whether they exist, and where a relay leads.

## Bad
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits: [test.completed]
    grants:
      read: ['{toolbx:test}', ../plans, '{out}/plans']
      write: ['{out}']
      network: ['*:*', '{relay}']
      secrets: [../token]
```
```text
rules/bots/testbot.yaml:10:14: error[LB310] unknown placeholder `{toolbx:test}`
rules/bots/testbot.yaml:10:31: error[LB310] path `../plans` is neither absolute nor begins with a placeholder
rules/bots/testbot.yaml:10:41: error[LB310] `{out}/plans` lies below the write grant `{out}`
rules/bots/testbot.yaml:12:17: error[LB310] network grant `*:*` is not host:port
rules/bots/testbot.yaml:12:24: error[LB310] network grant `{relay}` is not `{relay:NAME}`
rules/bots/testbot.yaml:13:17: error[LB310] `../token` is no name of a secret
```

## Good
```yaml
# file: rules/bots/testbot.yaml
bot: {name: TestBot, version: 1.0.0}
scope: [test]
triggers: [{type: event, pattern: build.completed, from: BuildBot}]
actions:
  - name: test
    capability: test.run
    command: test
    emits: [test.completed]
    grants:
      read: ['{toolbox:test}', /srv/plans, '{plans}']
      write: ['{out}']
      network: ['reports.example.org:443', '{relay:mail}']
      secrets: [token]
```
"""

# ruff: noqa: E501 - a page shows findings as they are printed

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.checks.base import CheckInfo, Workspace
from lotabots.diagnostics.diagnostic import Label, Severity
from lotabots.policy.grant_form import (
    PLACEHOLDER,
    path_faults,
    relay_name,
    valid_destination,
    whole_file_system,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.bot import Grants

KNOWN: Final = (
    *("artifact", "artifacts", "bot", "out", "python", "repository", "source", "state"),
    "wheelhouse",
)
"""Placeholders that the engine gives a place, by itself or on most hosts."""
TOOLBOX: Final = "toolbox"
RELAY: Final = "relay"
LETTERS_TO_SWAP: Final = 6
"""A shorter word with one other letter is mostly another word: `stage` is not `state`."""

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_FORM: Final = "write `{name}` or `{family:name}`, with letters, digits, `-` and `_`"


class Fault(NamedTuple):
    """What is wrong with the grant at `place`: the key and the number in its list."""

    place: tuple[str, int]
    message: str
    cure: str


class ImpossibleGrant:
    """See the module."""

    info = CheckInfo("LB310", "impossible-grant", Severity.ERROR, "0.1")

    def run(self, workspace: Workspace, /) -> Iterator[Diagnostic]:
        """One finding per grant."""
        for bot in workspace.fleet.bots:
            for action in bot.actions:
                for place, message, cure in _faults(action.grants):
                    yield self.info.at(
                        Label(action.grants.at(*place)),
                        message,
                        subject=f"{bot.name} {action.name}",
                        help=cure,
                    )


CHECK = ImpossibleGrant()


def _faults(grants: Grants) -> Iterator[Fault]:
    paths = {"read": grants.read, "write": grants.write, "exec": grants.exec}
    for key, those in paths.items():
        for number, path in enumerate(those):
            found = next(_of_path(key, path, grants.write), None)
            if found:
                yield Fault((key, number), *found)
    for number, text in enumerate(grants.network):
        found = _of_destination(text)
        if found:
            yield Fault(("network", number), *found)
    for number, name in enumerate(grants.secrets):
        if not _WORD.fullmatch(name):
            message = f"`{name}` is no name of a secret"
            yield Fault(("secrets", number), message, "use letters, digits, `-` and `_`")


def _of_path(key: str, path: str, writes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What is wrong with `path`, and the cure, the gravest first."""
    yield from _of_path_alone(path)
    for folder in writes:
        if whole_file_system(folder):
            continue  # LB311 says it
        if path != folder and within(path, folder):
            message = f"`{path}` lies below the write grant `{folder}`"
            yield message, "grant it from another place, or grant writing to a narrower one"
        elif path == folder and key == "exec":
            message = f"`{path}` is granted for writing and for running"
            yield message, "run programs from a place that the bot cannot change"


@lru_cache(maxsize=1024)
def _of_path_alone(path: str) -> tuple[tuple[str, str], ...]:
    """The same few paths stand all over a fleet, so each is judged once."""
    cure = "begin it with `/` or a placeholder like `{out}/`, and leave out `..`"
    found = [fault for name in PLACEHOLDER.findall(path) for fault in _of_placeholder(name)]
    return (*found, *((fault, cure) for fault in path_faults(path)))


def _of_placeholder(name: str) -> Iterator[tuple[str, str]]:
    family, colon, rest = name.partition(":")
    if not _WORD.fullmatch(family) or (colon and not _WORD.fullmatch(rest)):
        yield f"`{{{name}}}` is no placeholder", _FORM
    elif family == RELAY:
        yield f"`{{{name}}}` is a destination, not a path", "grant it under `network`"
    elif family == TOOLBOX and not colon:
        yield f"`{{{name}}}` does not say which toolbox", "write `{toolbox:NAME}`"
    elif family in KNOWN and colon:
        yield f"unknown placeholder `{{{name}}}`", f"did you mean `{{{family}}}`?"
    elif meant := _meant(family, (TOOLBOX,) if colon else (*KNOWN, TOOLBOX)):
        named = f"{meant}:{rest or 'NAME'}" if meant == TOOLBOX else meant
        yield f"unknown placeholder `{{{name}}}`", f"did you mean `{{{named}}}`?"


def _of_destination(text: str) -> tuple[str, str] | None:
    """What is wrong with a destination."""
    if relay_name(text) or valid_destination(text):
        return None
    if "{" in text:
        cure = "write `{relay:NAME}` alone, the name of small letters, digits and `-`"
        return f"network grant `{text}` is not `{{relay:NAME}}`", cure
    cure = "name one host and one port from 1 to 65535, like `mirror.example.org:443`"
    return f"network grant `{text}` is not host:port", cure


def _meant(word: str, known: tuple[str, ...]) -> str:
    """The known word from which `word` is one slip away, if it is not known itself."""
    if word in known:
        return ""
    return next((one for one in known if word != f"{one}s" and _one_slip(word, one)), "")


def _one_slip(word: str, right: str) -> bool:
    """Whether `word` has one letter more, less or other than `right`, or two exchanged."""
    start = 0
    while start < min(len(word), len(right)) and word[start] == right[start]:
        start += 1
    mine, its = word[start:], right[start:]
    while mine and its and mine[-1] == its[-1]:
        mine, its = mine[:-1], its[:-1]
    if len(mine) == len(its) == 1:
        return len(right) >= LETTERS_TO_SWAP
    return (len(mine), len(its)) in ((0, 1), (1, 0)) or (len(mine) == 2 and mine == its[::-1])  # noqa: PLR2004 - a pair
