"""Values without dataclasses behave as the dataclasses that they replace."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lotabots.frozen import EMPTY, Frozen, defaults, made, needed, replace

if TYPE_CHECKING:
    from collections.abc import Mapping


class Placed(Frozen, kw_only=True, aside=("line",)):
    line: int = 0


class Named(Placed):
    name: str
    size: int = 1
    options: Mapping[str, int] = EMPTY

    def doubled(self) -> int:
        return 2 * self.size


class Nothing(Frozen):
    pass


class Tall(Frozen, kw_only=True):
    size: int


class Wide(Frozen, kw_only=True):
    size: int


@dataclass(frozen=True, slots=True)
class PlacedTwin:
    line: int = field(default=0, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NamedTwin(PlacedTwin):
    name: str
    size: int = 1
    options: Mapping[str, int] = field(default_factory=dict)


def test_values_are_given_by_place_or_by_name_and_the_rest_is_default() -> None:
    value = Named("a", size=3, line=7)
    assert (value.name, value.size, value.line, dict(value.options)) == ("a", 3, 7, {})
    assert value.doubled() == 6


def test_it_shows_and_matches_like_a_dataclass() -> None:
    assert repr(Named("a", 2, {})) == repr(NamedTwin("a", 2, {})).replace("Twin", "")
    assert Named.__match_args__ == NamedTwin.__match_args__
    match Named("a", 2):
        case Named(name, size):
            assert (name, size) == ("a", 2)


def test_equality_is_of_the_same_class_and_of_all_that_is_not_aside() -> None:
    assert Named("a", 2, line=1) == Named("a", size=2, line=9)
    assert Named("a", 2) != Named("a", 3)
    assert Named("a") == Named("a", options={})
    assert Tall(size=1) != Wide(size=1)
    assert Tall(size=1) != 1
    assert Nothing() == Nothing()


def test_equal_values_have_equal_hashes() -> None:
    assert hash(Tall(size=1)) == hash(Tall(size=1))
    assert len({Tall(size=1), Tall(size=1), Tall(size=2), Wide(size=1)}) == 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Named("a", options={}))


def test_nothing_can_be_changed() -> None:
    value = Named("a")
    with pytest.raises(AttributeError, match="`name` of a frozen Named cannot be set"):
        value.name = "b"  # type: ignore[misc]  # that is the test
    with pytest.raises(AttributeError, match="`name` of a frozen Named cannot be deleted"):
        del value.name
    with pytest.raises(TypeError):
        value.options["a"] = 1  # type: ignore[index]  # that is the test


@pytest.mark.parametrize(
    ("args", "given", "message"),
    [
        ((), {}, "Named lacks, or does not have: name"),
        (("a",), {"nam": 1}, "Named lacks, or does not have: nam"),
        (("a",), {"name": "b"}, "Named is given `name` twice"),
        (("a", 1, {}, 4), {}, "Named takes 3 values by place, not 4"),
    ],
)
def test_wrong_arguments_are_refused(
    args: tuple[Any, ...], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as caught:
        Named(*args, **given)
    assert str(caught.value) == message


def test_a_copy_with_changes_keeps_the_rest() -> None:
    value = Named("a", 3, line=7)
    changed = replace(value, name="b")
    assert (changed.name, changed.size, changed.line, value.name) == ("b", 3, 7, "a")


def test_what_is_made_of_attributes_is_the_value_that_the_class_makes() -> None:
    value = made(Named, {"name": "a", "line": 7})
    assert value == Named("a", line=7)
    assert (value.name, value.size, value.line) == ("a", 1, 7)
    with pytest.raises(AttributeError, match="`name` of a frozen Named cannot be set"):
        value.name = "b"  # type: ignore[misc]  # that is the test


def test_values_survive_copying_and_pickling() -> None:
    value = Named("a", 3, line=7)
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301 - our own bytes
        assert other == value
        assert other.line == 7


def test_it_tells_what_it_needs_and_what_it_defaults_to() -> None:
    assert needed(Named) == {"name"}
    assert defaults(Named) == {"line": 0, "size": 1, "options": {}}
