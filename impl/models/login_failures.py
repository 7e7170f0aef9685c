from datetime import datetime

from sqlalchemy import Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Base


class LoginFailures(Base):
    """Failed logins in a row for one e-mail address, whether or not somebody has it."""

    __tablename__ = "login_failures"

    address_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    failed_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
