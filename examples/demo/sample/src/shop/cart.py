"""Prices and totals, in cents."""

PRICES = {"apple": 30, "bread": 320, "cheese": 750, "dates": 480, "eggs": 290, "flour": 150}
BULK = 10
DISCOUNT_PERCENT = 10


class UnknownItemError(Exception):
    """The shop does not sell this."""


def total(cart: dict[str, int]) -> int:
    """The price of a cart in cents; ten or more of one item are ten percent off."""
    cents = 0
    for item, count in sorted(cart.items()):
        if item not in PRICES:
            raise UnknownItemError(item)
        price = PRICES[item] * count
        if count >= BULK:
            price -= price * DISCOUNT_PERCENT // 100
        cents += price
    return cents
