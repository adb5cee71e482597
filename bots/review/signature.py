"""Signatures of functions, what callers can no longer rely on, and which calls fit.

The names of what breaks are those of griffe; those of calls that do not fit are pylint's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast


class Signature(NamedTuple):
    """Parameters by kind; `required` are those without a default."""

    positional_only: tuple[str, ...]
    either: tuple[str, ...]
    keyword_only: tuple[str, ...]
    required: frozenset[str]
    takes_more: bool  # *args
    takes_any: bool  # **kwargs

    @property
    def positional(self) -> tuple[str, ...]:
        """Parameters that can be given by position."""
        return self.positional_only + self.either

    @property
    def by_name(self) -> tuple[str, ...]:
        """Parameters that can be given by name."""
        return self.either + self.keyword_only

    @property
    def every(self) -> tuple[str, ...]:
        """All parameters."""
        return self.positional + self.keyword_only

    def bound(self) -> Signature:
        """Without the first parameter, which a method gets by itself."""
        if self.positional_only:
            return self._replace(positional_only=self.positional_only[1:])
        return self._replace(either=self.either[1:])


class Call(NamedTuple):
    """What a call gives: so many by position, these by name."""

    given: int
    named: tuple[str, ...]


def of(arguments: ast.arguments) -> Signature:
    """The signature of a definition."""
    positional = [*arguments.posonlyargs, *arguments.args]
    plain = positional[: len(positional) - len(arguments.defaults)]
    named = [
        one
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return Signature(
        tuple(one.arg for one in arguments.posonlyargs),
        tuple(one.arg for one in arguments.args),
        tuple(one.arg for one in arguments.kwonlyargs),
        frozenset(one.arg for one in (*plain, *named)),
        arguments.vararg is not None,
        arguments.kwarg is not None,
    )


def broken(old: Signature, new: Signature) -> list[tuple[str, str]]:
    """What callers of the old could do and cannot do any more: rule and words, in order."""
    found = []
    for name in old.every:
        if name not in new.every:
            by_name = new.takes_any and name in old.keyword_only
            by_place = new.takes_more and name in old.positional_only
            if not by_name and not by_place:
                found.append(("parameter-removed", f"`{name}` is gone"))
        elif name in new.required and name not in old.required:
            found.append(("parameter-changed-required", f"`{name}` has no default any more"))
    found += [
        ("parameter-added-required", f"`{name}` came and has no default")
        for name in new.every
        if name not in old.every and name in new.required
    ]
    return found or _moved(old, new)


def _moved(old: Signature, new: Signature) -> list[tuple[str, str]]:
    found = []
    for place, name in enumerate(old.positional):
        if name in new.keyword_only:
            found.append(("parameter-changed-kind", f"`{name}` can only be given by name now"))
        elif name in old.either and name in new.positional_only and not new.takes_any:
            found.append(("parameter-changed-kind", f"`{name}` can only be given by position now"))
        elif name in new.positional and new.positional.index(name) != place:
            found.append(("parameter-moved", f"`{name}` stands at another place"))
    return found


def misfit(call: Call, signature: Signature) -> tuple[str, str] | None:
    """Why a call does not fit: rule and words; None if it does."""
    if call.given > len(signature.positional) and not signature.takes_more:
        return (
            "too-many-function-args",
            f"gives {call.given} arguments by position, {len(signature.positional)} can be taken",
        )
    unknown = [name for name in call.named if name not in signature.by_name]
    if unknown and not signature.takes_any:
        return "unexpected-keyword-arg", f"gives `{unknown[0]}`, which is not taken"
    given = {*signature.positional[: call.given], *call.named}
    missing = [name for name in signature.every if name in signature.required - given]
    if missing:
        return "no-value-for-parameter", f"gives no `{missing[0]}`, which has no default"
    return None
