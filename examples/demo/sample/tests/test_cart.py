import pytest
from shop.cart import UnknownItemError, total


def test_an_empty_cart_costs_nothing():
    assert total({}) == 0


def test_items_add_up():
    assert total({"apple": 2, "bread": 1}) == 380


def test_ten_of_one_item_are_ten_percent_off():
    assert total({"apple": 10}) == 270


def test_an_unknown_item_is_refused():
    with pytest.raises(UnknownItemError):
        total({"moon": 1})
