from datetime import datetime

from sqlalchemy import Index, Text, false, func, true
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Entity

UNIQUE_EMAIL = "users_email_key"
"""The constraint that a second account with the same address breaks."""


class User(Entity):
    """Somebody who may log in. `email` is kept in lower case, which makes it unique in any case."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

    email: Mapped[str] = mapped_column(Text, unique=True)
    full_name: Mapped[str | None] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)
    administrator: Mapped[bool] = mapped_column(server_default=false(), default=False)
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )
