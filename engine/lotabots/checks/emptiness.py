"""What invariants are about, if it is not there: an invariant about nothing proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lotabots.checks.holders import granted, holders, may_mean, wanted_of
from lotabots.checks.invariants import key_of, shown
from lotabots.frozen import replace
from lotabots.model.invariant import Holding, InvariantKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.checks.base import Workspace
    from lotabots.diagnostics.span import Span
    from lotabots.model.invariant import Invariant, Origin


class Empty(NamedTuple):
    """Something that is not there: where it is named, why, what to do; `about` is its name."""

    place: Span
    about: str
    reason: str
    cure: str


def emptiness(workspace: Workspace, invariant: Invariant) -> Iterator[Empty]:
    """Everything in `invariant` that is about nothing."""
    match invariant.kind:
        case InvariantKind.PATH | InvariantKind.APPROVED:
            yield from _target(workspace, invariant)
        case InvariantKind.SEPARATE:
            yield from _target(workspace, invariant)
            yield from _origin(workspace, invariant)
        case InvariantKind.ONLY:
            yield from _reserved(workspace, invariant)
        case InvariantKind.NEVER:
            yield from _nobody(workspace, invariant)
        case InvariantKind.GRANTS:
            yield from _grants(workspace, invariant)


def _target(workspace: Workspace, one: Invariant) -> Iterator[Empty]:
    if not workspace.proofs.occurs(one.target):
        cure = "name what the fleet does; for a capability that nobody may have, use `never`"
        reason = f"{shown(one.target)} never comes about"
        yield Empty(one.at(key_of(one)), shown(one.target), reason, cure)


def _origin(workspace: Workspace, one: Invariant) -> Iterator[Empty]:
    origin = one.origins[0]
    if not workspace.proofs.begins(origin):
        about = origin.event or _called(origin)
        reason = f"`{about}` never comes about" if origin.event else f"{about} means nobody"
        cure = "name an event, a bot or a category that the fleet has"
        yield Empty(one.at("no_path_from"), about, reason, cure)


def _reserved(workspace: Workspace, one: Invariant) -> Iterator[Empty]:
    those = list(holders(workspace, one.target))
    for number, origin in enumerate(one.origins):
        if not any(may_mean(workspace, origin, holder) for holder in those):
            reason = f"{_called(origin)} does not do it"
            cure = "remove the entry: it would allow what nobody needs"
            yield Empty(one.at("only", number), _called(origin), reason, cure)


def _nobody(workspace: Workspace, one: Invariant) -> Iterator[Empty]:
    for number, origin in enumerate(one.origins):
        if not workspace.proofs.begins(origin):
            cure = "name a bot, a source or a category that the fleet has"
            reason = f"{_called(origin)} means nobody"
            yield Empty(one.at("never", number), _called(origin), reason, cure)


def _grants(workspace: Workspace, one: Invariant) -> Iterator[Empty]:
    """Globs that meet no grant of anybody; ``*`` is about any grant, and need not meet one."""
    for kind, globs in wanted_of(one.holding).items():
        for glob in globs:
            asked = replace(Holding(), **{kind: (glob,)})
            if glob != "*" and not any(True for _ in granted(workspace, asked)):
                reason = f"no action is granted {kind} `{glob}`"
                cure = "write it as the grants do, or remove it"
                yield Empty(one.holding.at(kind), f"{kind} {glob}", reason, cure)


def _called(origin: Origin) -> str:
    return f"`{origin.source}`" if origin.source else f"category `{origin.category}`"
