"""The tables and migrations of this service, and the database that its settings name."""

from pathlib import Path

from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from charter.service.migrations import Schema, Target
from impl.core.config import Settings
from impl.db.engine import connect_args, database_url, name_failures
from impl.models import Base

SCHEMA = Schema(Path(__file__).resolve().parents[2] / "alembic", Base.metadata)

LOCK_TIMEOUT = "10s"
"""A migration that waits for a table makes everybody behind it wait: it had better give up."""


def target(settings: Settings) -> Target:
    def engine() -> AsyncEngine:
        made = create_async_engine(
            database_url(settings),
            connect_args=patient(settings),
            hide_parameters=True,
            poolclass=NullPool,
        )
        name_failures(made)
        return made

    address = f"{settings.db_host}:{settings.db_port}"
    return Target(settings.db_name, address, engine, is_pooled=settings.db_pgbouncer)


def patient(settings: Settings) -> dict[str, object]:
    """The service's arguments without its bounds for a statement."""
    arguments = connect_args(settings)
    arguments.pop("command_timeout")
    if "server_settings" in arguments:
        bounds = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
        arguments["server_settings"] |= bounds | {"lock_timeout": LOCK_TIMEOUT}
    return arguments
