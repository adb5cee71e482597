"""Finds secrets that were committed: known forms of tokens, and values given to telling names.

What is found is told by its place and its form only. No part of a secret and no hash of one
leaves: short secrets can be guessed from their hashes.
"""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from findings import Finding
from sources import LINE_END

from commits import FILES, LINK, SUBMODULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commits import Entry, Repository

TOOL = "leaks"
MAX_BYTES = 64 * 2**20
MASK = "<secret>"
MIN_ENTROPY = 3.0  # bits a character; words of a language are below, random text is above
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Form(NamedTuple):
    """A form of secrets. If `pattern` has a group, that is the secret, else all of it."""

    rule: str
    severity: str
    what: str
    pattern: re.Pattern[str]


FORMS = (
    Form(
        "private-key",
        "critical",
        "a private key",
        re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    ),
    Form("aws-key", "critical", "an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    Form(
        "github-token",
        "critical",
        "a GitHub token",
        re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_\w{22,255}\b"),
    ),
    Form("gitlab-token", "critical", "a GitLab token", re.compile(r"\bglpat-[\w-]{20,255}")),
    Form("slack-token", "critical", "a Slack token", re.compile(r"\bxox[abprse]-[\w-]{10,255}")),
    Form("stripe-key", "critical", "a Stripe key", re.compile(r"\b[sr]k_live_[0-9A-Za-z]{16,255}")),
    Form("google-key", "critical", "a Google API key", re.compile(r"\bAIza[\w-]{35}")),
    Form("pypi-token", "critical", "a PyPI token", re.compile(r"\bpypi-AgE[\w-]{40,255}")),
    Form("npm-token", "critical", "an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    Form("nats-seed", "critical", "a NATS seed", re.compile(r"\bS[AUONCX][A-Z2-7]{56}\b")),
    Form(
        "web-token",
        "high",
        "a signed web token",
        re.compile(r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000}"),
    ),
    Form(
        "url-password",
        "high",
        "a password in an address",
        re.compile(r"://[^\s/:@'\"<>{}$]{1,64}:([^\s/@'\"<>{}$]{3,128})@"),
    ),
    Form(
        "assigned-secret",
        "high",
        "a secret",
        re.compile(
            r"(?i)(?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|credential)[\w.-]{0,30}"
            r"[\"']?\]?\s{0,4}(?::\s{0,4}\w{1,20}\s{0,4})?[=:]\s{0,4}"
            r"[rbuf]{0,2}[\"']?([^\s\"'<>{}()\[\]$,;]{8,256})"
        ),
    ),
)


def scan(repository: Repository, entries: Iterable[Entry]) -> list[Finding]:
    """The secrets in all files, whatever they are; what could not be looked at is found too."""
    entries = list(entries)
    found = [finding for entry in entries for finding in _unread(entry)]
    readable = [entry for entry in entries if not list(_unread(entry))]
    for entry, data in repository.contents(readable):
        found += _in_file(entry.path, data)
    return found


def looked_at(entries: Iterable[Entry]) -> int:
    """How many of the entries `scan` reads."""
    return sum(1 for entry in entries if not list(_unread(entry)))


def _unread(entry: Entry) -> Iterator[Finding]:
    why = ""
    if entry.mode == SUBMODULE:
        why = "a submodule is not fetched"
    elif entry.mode not in (*FILES, LINK):
        why = f"a file of mode {entry.mode}"
    elif entry.size > MAX_BYTES:
        why = f"larger than {MAX_BYTES} bytes"
    if why:
        yield Finding(TOOL, "unread-file", entry.path, 0, f"not looked at: {why}", why, "medium")


def _in_file(path: str, data: bytes) -> Iterator[Finding]:
    for number, raw in enumerate(LINE_END.split(_as_utf8(data)), 1):
        text = raw.decode(errors="replace").strip()
        for form, secret in _secrets(text):
            said = f"looks like {form.what}: take it out and make it worthless"
            shown = text.replace(secret, MASK)
            yield Finding(TOOL, form.rule, path, number, said, text, form.severity, shown)


def _secrets(text: str) -> Iterator[tuple[Form, str]]:
    """Each secret of a line once, by the first form that it has."""
    told: set[str] = set()
    for form in FORMS:
        for match in form.pattern.finditer(text):
            secret = match[match.lastindex or 0]
            if form.rule == "assigned-secret" and not _looks_random(secret):
                continue
            if not any(secret in other or other in secret for other in told):
                told.add(secret)
                yield form, secret


def _looks_random(value: str) -> bool:
    """Letters and digits, and no word: what is typed as an example or a name is not."""
    letters = any(one.isalpha() for one in value)
    if not letters or not any(one.isdigit() for one in value):
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return entropy >= MIN_ENTROPY


def _as_utf8(data: bytes) -> bytes:
    if not data.startswith(UTF16):
        return data
    return data.decode("utf-16", errors="replace").encode()
