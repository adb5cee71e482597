"""What to say about text that is not in the language: other people's operators, all of CEL's rest.

Each answer is a pair (message, help). The help names the alternative, because somebody who writes
``matches`` or ``?:`` knows what they want and only not how it is said here.
"""

from __future__ import annotations

from typing import Final

from lotabots.condition.problem import alike

Advice = tuple[str, str]

METHODS: Final = ("startsWith", "endsWith", "contains")

OPEN_TEXT: Final[Advice] = ("this text is not closed", "end it with the quote it began with")
DOUBLED_QUOTE: Final[Advice] = (
    "a quote stands right after a text",
    'write one pair of quotes, and a quote inside the text as `\\"`',
)
INDEX: Final[Advice] = (
    "members are not read with brackets",
    'write `payload.member`; to look into a list, write `"text" in payload.list`',
)
CHAIN: Final[Advice] = (
    "comparisons do not chain",
    "write both and join them: `0 < payload.x && payload.x < 10`",
)
NEGATED_OPERAND: Final[Advice] = (
    "`!` holds for the field alone, not for the comparison",
    "write `!=`, or put the comparison in parentheses: `!(...)`",
)
COMPARED_CONDITION: Final[Advice] = (
    "only a field can be compared",
    "leave out the parentheses around a field; join conditions with `&&` and `||`",
)
TWO_FIELDS: Final[Advice] = (
    "this compares two fields",
    "compare each field with a literal; to join events on equal fields use `join_on` of a gate",
)
TWO_LITERALS: Final[Advice] = (
    "this compares two literals",
    "compare a field, such as `payload.x`, with a literal",
)
_NO_ARITHMETIC: Final = (
    "compute the value where the event is made, send it as a field, and compare that field"
)
_NO_PATTERN: Final = "write `startsWith`, `endsWith` or `contains`, joined with `&&` and `||`"
_PLAIN_NUMBER: Final = "write a plain decimal number such as `15`, `0.8` or `-2`"


def for_symbol(symbol: str) -> Advice:
    """What to say about a symbol that begins no token."""
    if symbol in _SYMBOLS:
        return _SYMBOLS[symbol]
    if symbol.isalnum():
        return f"`{symbol}` is not a word of the language", "names are ASCII; put text in quotes"
    return f"unexpected `{symbol}`", "see the grammar in docs/conditions.md"


def for_word(word: str) -> Advice | None:
    """What to say about a word that stands where an operator belongs, if we know what it means."""
    meant = _WORDS.get(word.lower())
    if meant is None:
        return None
    return f"`{word}` is not an operator", f"write `{meant}`"


def for_bare_word(word: str) -> Advice:
    """What to say about a word that stands where a value belongs."""
    lowered = word.lower()
    if lowered in ("true", "false"):
        return f"`{word}` is not a value", f"write `{lowered}`"
    if lowered in _NOTHING:
        return (
            f"there is no `{word}`: a field has a value or is absent",
            "write `has(payload.x)` or `!has(payload.x)`",
        )
    return f"`{word}` is not a value", f'put text in quotes: `"{word}"`'


def is_constant(word: str) -> bool:
    """Whether `word` is another language's spelling of true, false or nothing."""
    return word.lower() in ("true", "false", *_NOTHING)


def for_function(name: str) -> Advice:
    """What to say about a call of `name`, which is not a function of the language."""
    operator = for_word(name) if name.lower() in ("and", "or", "not") else None
    if operator is not None:
        return operator
    if name in METHODS:
        return f"`{name}` needs a field", f'write `payload.x.{name}("text")`'
    if name in _FUNCTIONS:
        return f"`{name}` is not offered", _FUNCTIONS[name]
    close = alike(name, (*METHODS, "has"))
    if not close:
        close = [known for known in METHODS if known.lower() == name.replace("_", "").lower()]
    if close:
        return f"unknown function `{name}`", f"did you mean `{close[0]}`?"
    return f"unknown function `{name}`", "there are `startsWith`, `endsWith`, `contains` and `has`"


def not_a_number(text: str) -> Advice:
    """What to say about a number with letters stuck to it."""
    return f"`{text}` is not a number", f"{_PLAIN_NUMBER}, or put text in quotes"


def prefixed_text(prefix: str) -> Advice:
    """What to say about a text literal with a prefix that is not ``r``."""
    if prefix.lower() in ("b", "br", "rb"):
        return "bytes are not offered", "fields hold text; write the text without a prefix"
    return f"`{prefix}` stands right before a text", "put an operator between them, such as `==`"


_NOTHING: Final = ("null", "none", "nil")
_ARITHMETIC: Final = dict.fromkeys("+-*/%", ("arithmetic is not offered", _NO_ARITHMETIC))
_SYMBOLS: Final[dict[str, Advice]] = {
    **_ARITHMETIC,
    "=": ("`=` does not compare", "write `==`"),
    "===": ("`===` does not compare", "write `==`"),
    "!==": ("`!==` does not compare", "write `!=`"),
    "<>": ("`<>` does not compare", "write `!=`"),
    "=>": ("`=>` does not compare", "write `>=`"),
    "=~": ("regular expressions are not offered", _NO_PATTERN),
    "~": ("regular expressions are not offered", _NO_PATTERN),
    "&": ("`&` does not join conditions", "write `&&`"),
    "|": ("`|` does not join conditions", "write `||`"),
    "?": ("`?:` is not offered", "write `a && b || !a && c` for `a ? b : c`"),
    ":": ("`?:` is not offered", "write `a && b || !a && c` for `a ? b : c`"),
    "//": ("comments are not offered", "write a YAML comment, with `#`"),
    "#": ("comments are not offered", "end the quoted condition before the YAML comment"),
    "{": ("maps are not offered", "a list of values is written `[1, 2]`"),
    "}": ("maps are not offered", "a list of values is written `[1, 2]`"),
    "\\": ("a backslash stands outside of a text", "write it between quotes"),
    "$": ("variables are not offered", "write the field: `payload.x`"),
    "\u201c": ("this is a typographic quote", 'write `"`'),
    "\u201d": ("this is a typographic quote", 'write `"`'),
    "\u2018": ("this is a typographic quote", "write `'`"),
    "\u2019": ("this is a typographic quote", "write `'`"),
    "`": ("a back quote is no quote", 'write `"`'),
}
_WORDS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!(...)",
    "is": "==",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "startswith": 'payload.x.startsWith("text")',
    "endswith": 'payload.x.endsWith("text")',
    "contains": 'payload.x.contains("text")',
}
_LISTS: Final = 'a list can be asked for a member: `"text" in payload.list`'
_CONVERSION: Final = "fields and literals already have a type; compare the field itself"
_FUNCTIONS: Final = {
    **dict.fromkeys(("all", "exists", "exists_one", "map", "filter"), _LISTS),
    **dict.fromkeys(
        (
            "int",
            "uint",
            "double",
            "string",
            "bool",
            "bytes",
            "dyn",
            "type",
            "timestamp",
            "duration",
        ),
        _CONVERSION,
    ),
    "size": "send the number as a field of its own, and compare that field",
    "matches": _NO_PATTERN,
    "lowerAscii": "list the spellings: `payload.x in [...]`",
    "upperAscii": "list the spellings: `payload.x in [...]`",
}
