"""A small shop: prices, carts, totals."""

__version__ = "1.4.0"
