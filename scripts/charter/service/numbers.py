"""Whole numbers as documents have them, which are of any size, and as PostgreSQL has them."""

from decimal import Decimal

from sqlalchemy import Dialect, Numeric
from sqlalchemy.types import TypeDecorator

LARGEST = 2**63 - 1
"""Of a `bigint`, of LIMIT and of OFFSET."""


def is_bigint(number: int) -> bool:
    """Whether a `bigint` can be this number; no row has another one in such a column."""
    return -LARGEST - 1 <= number <= LARGEST


def as_count(number: int) -> int:
    """The number as LIMIT and OFFSET take it, which no table has rows beyond."""
    return max(0, min(number, LARGEST))


class WholeNumber(TypeDecorator[int]):
    """An `int` of any size in a column of `numeric`; migrations write it as `sa.Numeric()`."""

    impl = Numeric
    cache_ok = True

    def process_result_value(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)
