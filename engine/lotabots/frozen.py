"""The base of frozen values: what a frozen dataclass does, without what it costs to make one.

A dataclass is written as source text and compiled each time its module is imported, half a
millisecond for each class, and its constructor sets attributes one by one. `lotabots validate` is
a short process that imports sixty such classes and makes up to a hundred thousand values. Here a
class costs what a class costs, and a value is its keyword arguments: an attribute that is not
given is found on the class, as Python finds any attribute. To type checkers the classes are
dataclasses (PEP 681). The decision and its numbers: docs/adr/0007-records-without-dataclasses.md.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Mapping

F = TypeVar("F", bound="Frozen")

_bare: Final = object.__new__
_give: Final = object.__setattr__

EMPTY: Mapping[str, Any] = MappingProxyType({})
"""The default of attributes that are mappings."""


@dataclass_transform(frozen_default=True)
class Frozen:
    """A value: its attributes are given once; equality and hash are theirs.

    The annotations of a subclass are its attributes, after those of its base; what is assigned
    to them is their default. All values share a default, so it must be immutable. Two options:

    - ``kw_only=True``: the attributes of this class can only be given by name;
    - ``aside=("span",)``: these attributes take no part in equality, hash and `repr`.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _names: ClassVar[frozenset[str]] = frozenset()
    _needed: ClassVar[frozenset[str]] = frozenset()
    _shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, kw_only: bool = False, aside: tuple[str, ...] = ()) -> None:
        """Collect the attributes."""
        own = tuple(cls.__annotations__)
        cls._names = cls._names.union(own)
        cls._needed = cls._needed.union(own).difference(cls.__dict__)
        cls._shown = tuple(name for name in (*cls._shown, *own) if name not in aside)
        if not kw_only:
            cls.__match_args__ = (*cls.__match_args__, *own)  # type: ignore[misc]  # mypy minds that a name is special

    def __init__(self, *args: Any, **given: Any) -> None:  # noqa: ANN401 - type checkers see the attributes instead
        if args:
            _give_by_place(type(self), args, given)
        if not self._needed <= given.keys() <= self._names:
            _refuse(type(self), given)
        self.__dict__.update(given)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__qualname__}({shown})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"`{name}` of a frozen {type(self).__name__} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"`{name}` of a frozen {type(self).__name__} cannot be deleted")

    def _content(self) -> tuple[object, ...]:
        """The values of the attributes that are shown and compared."""
        return tuple([getattr(self, name) for name in self._shown])


def made(cls: type[F], given: dict[str, Any]) -> F:
    """A value of `cls` that takes over `given`, unchecked: what needs values has to be in it.

    For readers that make many values from a fixed set of names; it takes half the time.
    """
    value = _bare(cls)
    _give(value, "__dict__", given)
    return value


def replace(value: F, **changes: Any) -> F:  # noqa: ANN401 - as the attributes are
    """A copy of `value` with other values for the attributes `changes`."""
    given = {name: held for name, held in value.__dict__.items() if name in value._names}  # noqa: SLF001 - of this module
    return type(value)(**{**given, **changes})


def needed(cls: type[Frozen]) -> frozenset[str]:
    """The attributes without which no value of `cls` can be made."""
    return cls._needed


def defaults(cls: type[Frozen]) -> dict[str, Any]:
    """The default of every attribute of `cls` that has one."""
    return {name: getattr(cls, name) for name in cls._names - cls._needed}


def _give_by_place(cls: type[Frozen], args: tuple[Any, ...], given: dict[str, Any]) -> None:
    places = cls.__match_args__
    if len(args) > len(places):
        raise TypeError(f"{cls.__name__} takes {len(places)} values by place, not {len(args)}")
    for name, value in zip(places, args, strict=False):
        if name in given:
            raise TypeError(f"{cls.__name__} is given `{name}` twice")
        given[name] = value


def _refuse(cls: type[Frozen], given: dict[str, Any]) -> NoReturn:
    wrong = sorted(needed(cls).symmetric_difference(given).difference(defaults(cls)))
    raise TypeError(f"{cls.__name__} lacks, or does not have: {', '.join(wrong)}")
