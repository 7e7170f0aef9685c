from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Entity


class Session(Entity):
    """One login. Nothing in it opens the session: its refresh tokens are derived, not stored."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    idle_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
