from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Base

TOLD = timedelta(days=1)
"""For so long a change is told to whoever comes back."""
KEPT = TOLD + timedelta(hours=1)
"""Longer, because clocks differ, and what comes later in the order may have happened earlier."""


class ItemChange(Base):
    """What happened to an item. A trigger of the table `items` writes it, with each of its rows.

    A transaction's changes are in order by `position`, and become visible all at once. Those of two
    transactions are in order by their numbers as soon as no older one is still open.
    """

    __tablename__ = "item_changes"
    __table_args__ = (Index(None, "owner_id", "transaction", "position"),)

    transaction: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("(pg_current_xact_id()::text)::bigint")
    )
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner_id: Mapped[UUID]
    item_id: Mapped[UUID]
    event: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    @classmethod
    def is_over(cls) -> ColumnElement[bool]:
        return cls.happened_at < func.clock_timestamp() - KEPT
