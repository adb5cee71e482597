"""Makes text fit to be read elsewhere: no paths of this machine, no secrets, no control characters.

A project's build may print anything. What looks like a secret is masked even if it is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# Each name is looked at once, from its beginning: text of others must not make this slow.
NAMED = re.compile(
    r"""(?ix) ( (?<![\w.-])
        (?= [\w.-]*? (?: token|passw(?:or)?d|secret|api[_-]?key|credential ) )
        [\w.-]++ ["']? \s*+ [=:] \s*+ )
        (?: "[^"\n]*" | '[^'\n]*' | (?:bearer\s+|basic\s+)? [^\s,;"']+ )"""
)
HEADER = re.compile(r"(?i)(authorization\s*:\s*)[^\n]+")
LOGIN = re.compile(r"((?<!\w)\w++://)[^/\s:@]+(?::[^/\s@]*)?@")
KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
KNOWN = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,4096}\.[\w.-]+)"
)
HOME = re.compile(r"(?<![\w.])/(?:home|root|Users)(?:/[^\s/:'\"]+)?")


class Neutral:
    """Replaces `paths` (longest first) and everything above."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = sorted(paths.items(), key=lambda item: -len(item[0]))

    def __call__(self, text: str) -> str:
        """The text, safe to hand on."""
        text = CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n")))
        for path, name in self._paths:
            text = text.replace(path, name)
        text = HOME.sub("<home>", text)
        text = KEY.sub("<private key>", text)
        text = HEADER.sub(r"\1<masked>", text)
        text = NAMED.sub(r"\1<masked>", text)
        text = LOGIN.sub(r"\1<masked>@", text)
        return KNOWN.sub("<masked>", text)
