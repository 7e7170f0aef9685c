import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    CompoundSelect,
    LargeBinary,
    case,
    extract,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import insert

from charter.service.statements import statement
from impl.db.session import Database
from impl.models import Budget

NOW = func.clock_timestamp()


@dataclass(frozen=True)
class Spent:
    """How often a quota was asked for in this window, and how long the window lasts still."""

    times: int
    seconds: float


class BudgetRepository:
    """Fixed windows, shared by all workers; each statement is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def spend(self, subjects: Sequence[str], quota: int, window: timedelta) -> list[Spent]:
        """Spend once on behalf of each subject, in this order, as long as the quota lasts.

        The last of the answers is over the quota where it ends: what comes behind is not spent,
        so that a caller who is refused uses up nobody else's budget. One statement, whose rows
        are locked one after the other: of many at once exactly the quota gets through.
        """
        digests = {f"digest_{number}": digest(one) for number, one in enumerate(subjects)}
        async with self.database.statements() as session:
            rows = await session.rows(spending(digests, quota, window))
            return [Spent(times, max(0.0, float(seconds))) for times, seconds in rows]


@statement()
def spending(digests: dict[str, bytes], quota: int, window: timedelta) -> CompoundSelect[Any, Any]:
    steps: list[CTE] = []
    for subject in digests.values():
        steps.append(step(subject, quota, window, steps[-1] if steps else None))
    queries = [
        select(made.c.spent, extract("epoch", made.c.ends_at - NOW)).select_from(made)
        for made in steps
    ]
    return queries[0].union_all(*queries[1:])


def step(subject: bytes, quota: int, window: timedelta, before: CTE | None) -> CTE:
    """Spend on behalf of one subject, if what comes before it was within the quota."""
    row = select(type_coerce(subject, LargeBinary()), literal(1), NOW + window)
    if before is not None:
        row = row.where(select(before.c.spent <= quota).scalar_subquery())
    statement = insert(Budget).from_select(["digest", "spent", "ends_at"], row)
    is_over = Budget.ends_at <= NOW
    return (
        statement.on_conflict_do_update(
            index_elements=["digest"],
            set_={
                # one more than the quota says enough
                "spent": case((is_over, 1), else_=func.least(Budget.spent, quota) + 1),
                "ends_at": case((is_over, NOW + window), else_=Budget.ends_at),
            },
        )
        .returning(Budget.spent, Budget.ends_at)
        .cte()
    )


def digest(subject: str) -> bytes:
    """What stands for the subject: the table need not tell who called from where."""
    return hashlib.sha256(subject.encode()).digest()
