from datetime import datetime

from sqlalchemy import Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Base


class Budget(Base):
    """What a caller or an account has spent of a quota since its window began.

    The table is unlogged: a crash of the server empties it, which costs nobody more than a window.
    """

    __tablename__ = "budgets"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy's name

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    spent: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime]
