"""Entries for a list of changes, made from commits in the form of Conventional Commits 1.0.0.

The headings are those of Keep a Changelog. Every entry is the subject of a commit, as it was
written; what has another form is counted, and nothing is made up for it.
"""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

from failure import UnfitError
from findings import KNOWN
from reference import escaped

from commits import ENV

MAX_COMMITS = 500
MAX_SUBJECT = 300
MAX_TAGS = 50  # the highest versions
FORM = re.compile(r"(?P<type>[A-Za-z]+)(?:\((?P<scope>[^()\n]+)\))?(?P<breaks>!)?: (?P<text>\S.*)")
BREAKING = re.compile(r"^BREAKING[ -]CHANGE: \S", re.MULTILINE)
VERSION = re.compile(
    r"(?:.*[-/])?v?\d+(?:\.\d+)+(?:[-.]?[A-Za-z]+[-.]?\d+)?(?:[-+][\w.]+)?", re.ASCII
)
SECTIONS = {
    "feat": "Added",
    "perf": "Changed",
    "refactor": "Changed",
    "deprecate": "Deprecated",
    "revert": "Removed",
    "remove": "Removed",
    "fix": "Fixed",
    "security": "Security",
}
ORDER = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
SILENT = ("build", "chore", "ci", "docs", "style", "test", "tests")


class Entry(NamedTuple):
    """What a commit says to users."""

    section: str
    scope: str
    text: str
    breaks: bool


class Changes(NamedTuple):
    """Entries, the newest first, since the tag `since`; `others` commits have another form."""

    since: str
    entries: tuple[Entry, ...]
    silent: int
    others: int

    def lines(self) -> list[str]:
        """The entries as Keep a Changelog has them; breaking ones first."""
        shown: list[str] = []
        for section in ORDER:
            of_it = [one for one in self.entries if one.section == section]
            if of_it:
                shown += ["", f"### {section}", ""] if shown else [f"### {section}", ""]
                shown += [_entry(one) for one in sorted(of_it, key=lambda one: not one.breaks)]
        return shown


def read(git: str, repository: str, commit: str) -> Changes:
    """The changes up to `commit` since the last version that is tagged before it."""
    command = [git, f"--git-dir={repository}"]
    since = _since(command, commit)
    span = [f"{since}..{commit}"] if since else [commit]
    wanted = ("log", "-z", "--no-merges", f"--max-count={MAX_COMMITS}", "--no-show-signature")
    told = _run(command, *wanted, "--encoding=UTF-8", "--format=%B", *span, "--")
    messages = [one.decode(errors="replace").strip() for one in told.split(b"\0")]
    read_ = [_read(one) for one in messages if one]
    entries = tuple(one for one in read_ if isinstance(one, Entry))
    return Changes(since, entries, read_.count("silent"), read_.count("other"))


def _since(command: list[str], commit: str) -> str:
    """The nearest tag before `commit` that is a version; tags of `commit` itself are its own."""
    merged = _run(command, "tag", "--merged", commit, "--no-contains", commit,
                  "--sort=-creatordate", "--sort=-version:refname")  # fmt: skip
    tags = [one for one in merged.decode(errors="replace").splitlines() if VERSION.fullmatch(one)]
    count = {
        tag: int(_run(command, "rev-list", "--count", f"refs/tags/{tag}..{commit}", "--"))
        for tag in tags[:MAX_TAGS]
    }
    nearest = min(count, key=lambda tag: count[tag], default="")
    return f"refs/tags/{nearest}" if nearest else ""


def _read(message: str) -> Entry | str:
    subject = message.split("\n", 1)[0][:MAX_SUBJECT]
    match = FORM.fullmatch(subject)
    if match is None:
        return "other"
    kind = match["type"].lower()
    breaks = bool(match["breaks"] or BREAKING.search(message))
    section = SECTIONS.get(kind, "Changed" if breaks else "")
    if not section:
        return "silent" if kind in SILENT else "other"
    text = KNOWN.sub("<masked>", match["text"])
    return Entry(section, KNOWN.sub("<masked>", match["scope"] or ""), text, breaks)


def _entry(one: Entry) -> str:
    scope = f"{escaped(one.scope)}: " if one.scope else ""
    return f"- {'**Breaking:** ' if one.breaks else ''}{scope}{escaped(one.text)}"


def _run(command: list[str], *arguments: str) -> bytes:
    done = subprocess.run([*command, *arguments], capture_output=True, check=False, env=ENV)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise UnfitError(f"git {arguments[0]}: {said}")
    return done.stdout
