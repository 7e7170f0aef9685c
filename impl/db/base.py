"""What every table has in common."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Named constraints, so that migrations can drop what they made; aware times only."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's name
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's name


class Entity(Base):
    """A row with an identity of its own and a time of birth."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    # clock_timestamp(), because now() stands still within a transaction
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
