"""Replaces the names in type drafts by the types they name.

Bounded: a type is at most `DEEPEST` levels deep and `LARGEST` parts large when every name is
spelled out, because types that name types can grow exponentially in the length of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.diagnostics.codes import INVALID_VALUE
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import Findings, did_you_mean, one_of
from lotabots.model.codec.payload import Documented, Draft, ListDraft, Named, ObjectDraft
from lotabots.model.codec.spelling import SCALARS
from lotabots.model.event import Field, ListType, ObjectType, PayloadType, TextType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.diagnostics.span import Span

DEEPEST: Final = 16
LARGEST: Final = 2000

_UNKNOWN: Final = TextType()


class _Sized(NamedTuple):
    type: PayloadType
    depth: int
    parts: int


class Naming:
    """The declared types, each resolved once. What cannot be resolved becomes plain text."""

    def __init__(self, drafts: Mapping[str, Documented], findings: Findings) -> None:
        self._drafts = drafts
        self._findings = findings
        self._resolved: dict[str, _Sized] = {}
        self._open: list[str] = []
        for name in sorted(drafts):
            self._named(name, None)

    def payload(self, draft: ObjectDraft, span: Span) -> ObjectType:
        """The type of an event's payload; `span` is where a type that is too large is reported."""
        resolved = self._bounded(self._sized(draft), span).type
        return resolved if isinstance(resolved, ObjectType) else ObjectType()

    def _named(self, name: str, asked: Span | None) -> _Sized:
        known = self._resolved.get(name)
        if known is not None:
            return known
        if name in self._open:
            self._recursive(name, asked)
            return _Sized(_UNKNOWN, 1, 1)
        self._open.append(name)
        sized = self._sized(self._drafts[name].draft)
        self._open.pop()
        self._resolved[name] = sized if asked is None else self._bounded(sized, asked)
        return self._resolved[name]

    def _sized(self, draft: Draft) -> _Sized:
        if isinstance(draft, Named):
            return self._reference(draft)
        if isinstance(draft, ListDraft):
            item = self._sized(draft.item)
            return _Sized(ListType(item.type, draft.max_items), item.depth + 1, item.parts + 1)
        if isinstance(draft, ObjectDraft):
            return self._object(draft)
        return _Sized(draft, 1, 1)

    def _object(self, draft: ObjectDraft) -> _Sized:
        members = [(member, self._sized(member.draft)) for member in draft.members]
        fields = tuple(
            Field(member.name, sized.type, member.optional, member.doc) for member, sized in members
        )
        depth = 1 + max((sized.depth for _, sized in members), default=0)
        return _Sized(
            ObjectType(fields, draft.open), depth, 1 + sum(sized.parts for _, sized in members)
        )

    def _reference(self, draft: Named) -> _Sized:
        if draft.name in self._drafts:
            return self._bounded(self._named(draft.name, draft.span), draft.span)
        known = [*SCALARS, *self._drafts]
        self._findings.append(
            INVALID_VALUE.at(
                Label(draft.span),
                f"unknown type `{draft.name}`",
                help=did_you_mean(draft.name, known)
                or f"write {one_of(SCALARS)}, or declare it under `types`",
            )
        )
        return _Sized(_UNKNOWN, 1, 1)

    def _bounded(self, sized: _Sized, span: Span) -> _Sized:
        if sized.depth <= DEEPEST and sized.parts <= LARGEST:
            return sized
        self._findings.append(
            INVALID_VALUE.at(
                Label(span),
                f"type of more than {DEEPEST} levels or {LARGEST} parts",
                help="split the event, or use fewer types inside one another",
            )
        )
        return _Sized(_UNKNOWN, 1, 1)

    def _recursive(self, name: str, asked: Span | None) -> None:
        if asked is None:
            return
        way = [*self._open[self._open.index(name) :], name]
        self._findings.append(
            INVALID_VALUE.at(
                Label(asked),
                f"type `{name}` contains itself",
                help="end the recursion: a payload has a fixed depth",
                notes=(" -> ".join(f"`{step}`" for step in way),) if len(way) > 2 else (),  # noqa: PLR2004 - more than `a -> a`
            )
        )
