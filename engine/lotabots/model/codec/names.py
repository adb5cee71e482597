"""Codecs of the names that rule files are made of."""

from __future__ import annotations

import re
from typing import Final

from lotabots.model import names
from lotabots.model.codec.scalar import name

_DOTTED_CURE: Final = "write lower-case words joined by dots, like `build.completed`"
_NODE: Final = re.compile(rf"{names.BOT.pattern}|gate\.{names.SLUG.pattern}", re.ASCII)
_SOURCE: Final = re.compile(rf"{names.BOT.pattern}|{names.PATTERN.pattern}", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_MEMBER: Final = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_GLOB: Final = re.compile(r"[!-~]+")

MEMBER: Final = re.compile(_MEMBER, re.ASCII)
PATH: Final = re.compile(rf"{_MEMBER}(?:\.{_MEMBER}){{0,15}}", re.ASCII)
"""A payload field below the payload: ``change.id``."""

BOT: Final = name(
    "a bot name", names.BOT, "start with a capital letter and use letters and digits: `BuildBot`"
)
CAPABILITY: Final = name(
    "a capability", names.DOTTED, "write lower-case words joined by dots, like `code.modify`"
)
EVENT: Final = name("an event type", names.DOTTED, _DOTTED_CURE)
EVENT_PATTERN: Final = name(
    "an event pattern",
    names.PATTERN,
    "write lower-case words joined by dots; `*` stands for one word, a last `**` for the rest",
)
SLUG: Final = name(
    "a name", names.SLUG, "start with a lower-case letter and use lower-case letters, digits, `-`"
)
NODE: Final = name("a bot or a gate", _NODE, "write a bot (`BuildBot`) or a gate (`gate.<name>`)")
SOURCE: Final = name(
    "a source", _SOURCE, "write a bot (`BuildBot`), `gate.<name>`, or a pattern such as `cli.*`"
)
WORD: Final = name("a name", _WORD, "use letters, digits, `-` and `_`")
RESOURCE: Final = name(
    "a resource", _GLOB, "write a name without spaces; `*` stands for any run of characters"
)
PAYLOAD_PATH: Final = name(
    "a payload field",
    re.compile(rf"payload(?:\.{_MEMBER}){{1,16}}", re.ASCII),
    "write the way to it with dots, like `payload.change.id`",
    longest=512,
)
VERSION: Final = name(
    "a version",
    re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}", re.ASCII),
    "use letters, digits, `.`, `+`, `-` and `_`, like `1.0.0`",
    number=True,
)
