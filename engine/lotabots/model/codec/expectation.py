"""What a policy test expects: a verdict as a text (``dispatch build``) or a mapping; all of them.

Only verdicts that can be are read: a code that `wait` never has is a mistake of the test, and a
test with a mistake would pass or fail for the wrong reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.diagnostics import codes
from lotabots.model.codec.codec import (
    NULLS,
    Codec,
    Definitions,
    Findings,
    Places,
    did_you_mean,
    expected,
    invalid,
    one_of,
    quoted,
)
from lotabots.model.codec.collection import listing
from lotabots.model.codec.names import BOT, EVENT, NODE, WORD
from lotabots.model.codec.record import keyed, record
from lotabots.model.codec.scalar import prose
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.trial import Expectation, Expected, Scope, Verb
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from lotabots.diagnostics.codes import Code

NOBODY: Final = "nobody"
ANYTHING: Final = "anything"

_WAITS: Final = (codes.BREAKER_OPEN, codes.GATE_WAITS)
_REJECTS: Final = tuple(
    code for code in codes.CODES if code.code[:3] in ("LR0", "LR1", "LR2") and code not in _WAITS
)
_IGNORES: Final = tuple(
    code for code in codes.CODES if code.code[:3] == "LR3" and code not in _WAITS
)


def _code(verb: Verb, known: tuple[Code, ...]) -> Codec[str]:
    """A code that `verb` can have, by its number or its name; read as the number."""
    meant = {word: code.code for code in known for word in (code.code, code.name)}

    def read(node: Node, findings: Findings, _places: Places, _route: str) -> str | None:
        given = node.text if isinstance(node, Scalar) else ""
        if given in meant:
            return meant[given]
        named = [code.name for code in known]
        close = did_you_mean(given, [code.code for code in known] if given[:2] == "LR" else named)
        cure = f"write a code, such as `{known[0].code}`, or its name, `{known[0].name}`"
        expected(node, findings, f"the code of a verdict `{verb}`", close or cure)
        return None

    def schema(_definitions: Definitions) -> dict[str, Any]:
        return {"type": "string", "enum": list(meant)}

    return Codec(read, lambda value, _style: value, schema)


_WORDS: Final[dict[Verb, Codec[str]]] = {
    Verb.DISPATCH: WORD,
    Verb.EMIT: EVENT,
    Verb.REJECT: _code(Verb.REJECT, _REJECTS),
    Verb.WAIT: _code(Verb.WAIT, _WAITS),
    Verb.IGNORE: _code(Verb.IGNORE, _IGNORES),
    Verb.DEAD_LETTER: _code(Verb.DEAD_LETTER, (codes.BREAKER_OPEN,)),
}
"""What stands behind each verb. `ALLOW` stands alone."""

_SAID: Final = {
    Verb.DISPATCH: "the action that it does",
    Verb.EMIT: "the event type that it emits",
    Verb.REJECT: "the code of the refusal",
    Verb.WAIT: "the code of what it waits for",
    Verb.IGNORE: "the code of why nothing happens",
    Verb.DEAD_LETTER: "the code of why it is never done",
}


def _read_payload(node: Node, findings: Findings, _places: Places, _route: str) -> Mapping | None:
    if type(node) is not Mapping:
        expected(node, findings, "members of a payload", "write `member: value` lines")
        return None
    nulls = list(_nulls(node))
    for null in nulls:
        cure = "a payload has no nulls; leave the member out, or write its value"
        expected(null, findings, "a value", cure)
    return None if nulls else node


def _nulls(node: Node) -> list[Node]:
    if isinstance(node, Scalar):
        return [node] if node.plain and node.text in NULLS else []
    if isinstance(node, Mapping):
        return [null for _, value in node.entries for null in _nulls(value)]
    return [null for item in node.items for null in _nulls(item)]


payload_members: Final[Codec[Mapping]] = Codec(
    _read_payload, lambda node, _style: plain(node), lambda _definitions: {"type": "object"}
)
"""Members of a payload, as they are written: what they mean depends on the type of the event."""


def plain(node: Node) -> Any:  # noqa: ANN401 - any JSON value
    """The tree at `node` as plain data, every scalar as its text."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    return [plain(item) for item in node.items] if isinstance(node, Sequence) else node.text


def _read_expectation(
    node: Node, findings: Findings, places: Places, route: str
) -> Expectation | None:
    if type(node) is Scalar:
        if node.text in (NOBODY, ANYTHING):
            return Expectation(span=node.span, scope=Scope(node.text))
        return _whole(node, findings, places, route)
    if type(node) is not Mapping or not node.entries:
        cure = f"write `<bot>: dispatch <action>` lines, `{NOBODY}`, or `reject <code>`"
        expected(node, findings, "what is decided", cure)
        return None
    if any(key.text in _SAID for key, _ in node.entries):
        return _whole(node, findings, places, route)
    own: Places = {}
    outcomes = {}
    for key, value in node.entries:
        target = NODE.read(key, findings, own, key.text)
        own[key.text] = key.span
        outcome = OUTCOME.read(value, findings, own, key.text)
        if target is not None and outcome is not None and _fits(target, outcome, findings):
            outcomes[target] = outcome
    complete = len(outcomes) == len(node.entries)
    if not complete:
        return None
    return Expectation(span=node.span, places=own, scope=Scope.TARGETS, outcomes=outcomes)


def _whole(node: Node, findings: Findings, places: Places, route: str) -> Expectation | None:
    outcome = OUTCOME.read(node, findings, places, route)
    if outcome is None:
        return None
    if outcome.verb not in (Verb.REJECT, Verb.IGNORE):
        message = f"`{outcome.verb}` of nobody: only `reject` and `ignore` are about a whole event"
        cure = f"say whose it is: `<bot>: {said(outcome)}`"
        invalid(node.span, findings, message, cure)
        return None
    return Expectation(span=node.span, scope=Scope.EVENT, outcomes={"": outcome})


def _fits(target: str, outcome: Expected, findings: Findings) -> bool:
    gate = target.startswith("gate.")
    if outcome.verb is (Verb.DISPATCH if gate else Verb.EMIT):
        one, other = ("a gate", "emit") if gate else ("a bot", "dispatch")
        message = f"{one} does not `{outcome.verb}`"
        cure = f"write `{other} <{'event type' if gate else 'action'}>`"
        invalid(outcome.span, findings, message, cure)
        return False
    if outcome.verb is Verb.ALLOW:
        message = "`allow` is the answer to a claim; of an event something is made"
        invalid(outcome.span, findings, message, "write `dispatch <action>`")
        return False
    return True


def said(outcome: Expected) -> str:
    """The verdict as a test writes it: ``reject LR105``."""
    return f"{outcome.verb} {outcome.word}".rstrip()


_DETAILS: Final = (
    Key("because", "because", prose("a part of the reason"), "a part of the reason"),
    Key("missing", "missing", listing(prose("a part"), most=16), "all that it still waits for"),
    Key("delegate", "delegate", BOT, "the bot that a boundary names instead"),
)


def _variant(verb: Verb) -> Codec[Any]:
    keys = [Key(verb.value, "word", _WORDS[verb], _SAID[verb], required=True)]
    if verb is Verb.EMIT:
        keys += [
            Key("payload", "payload", payload_members, "members that the event must have"),
            Key("then", "then", EXPECTATION, "what is decided about it; `nobody` if left out"),
        ]
    elif verb is not Verb.DISPATCH:
        keys += _DETAILS[: 3 if verb is Verb.REJECT else 2 if verb is Verb.WAIT else 1]
    shape = Shape(f"an expected {verb}", f"What `{verb}` is expected to say.", keys)

    def finish(values: dict[str, Any], _node: Node, _findings: Findings, _places: Places) -> bool:
        values["verb"] = verb
        return True

    return record(Expected, shape, finish=finish)


def _read_outcome(node: Node, findings: Findings, places: Places, route: str) -> Expected | None:
    if type(node) is not Scalar:
        full: Expected | None = _FULL.read(node, findings, places, route)
        return full
    verb, _, word = node.text.partition(" ")
    if verb == Verb.ALLOW and not word:
        return Expected(span=node.span, verb=Verb.ALLOW)
    if verb not in _SAID:
        cure = did_you_mean(verb, [*_SAID, NOBODY, ANYTHING]) or f"write {one_of(_SAID)}"
        expected(node, findings, "a verdict", cure)
        return None
    if not word:
        message = f"{quoted(node.text)} says only half of it"
        invalid(node.span, findings, message, f"add {_SAID[Verb(verb)]}")
        return None
    part = Scalar(word.strip(), node.plain, node.span)
    read = _WORDS[Verb(verb)].read(part, findings, places, route)
    return None if read is None else Expected(span=node.span, verb=Verb(verb), word=read)


def _outcome_schema(definitions: Definitions) -> dict[str, Any]:
    text = {"type": "string", "pattern": f"^({'|'.join(_SAID)}) \\S+$|^{Verb.ALLOW}$"}
    return {"anyOf": [text, *_FULL.schema(definitions)["anyOf"]]}


def _expectation_schema(definitions: Definitions) -> dict[str, Any]:
    name = "Expectation"
    if name not in definitions:
        definitions[name] = {}  # what an emitted event leads to is an expectation, too
        outcome = OUTCOME.schema(definitions)
        definitions[name] = {
            "title": "an expectation",
            "description": "by bot or gate, or of the whole event, or `nobody`, or `anything`",
            "anyOf": [
                {"type": "string", "enum": [NOBODY, ANYTHING]},
                {
                    "type": "object",
                    "propertyNames": NODE.schema(definitions),
                    "additionalProperties": outcome,
                    "minProperties": 1,
                },
                outcome,
            ],
        }
    return {"$ref": f"#/definitions/{name}"}


EXPECTATION: Final[Codec[Expectation]] = Codec(
    _read_expectation, lambda _value, _style: None, _expectation_schema
)
"""All that is expected of one event. Files of tests are never written, so it does not write."""

OUTCOME: Final[Codec[Expected]] = Codec(
    _read_outcome, lambda value, _style: said(value), _outcome_schema
)
"""One expected verdict."""

_FULL: Final = keyed(
    "an expected verdict",
    {verb.value: _variant(verb) for verb in _SAID},
    lambda outcome: str(outcome.verb),
)
