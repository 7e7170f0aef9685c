"""How Alembic reaches the database: as the service does, by its settings, and one run at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from impl.models import Base
from scripts.environment import without_tokens
from scripts.migrations import alone


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        # each on its own, so that one may build an index concurrently
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def show() -> None:
    """`alembic upgrade --sql`: print the statements, connect to nothing."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    show()
else:
    settings = context.config.attributes.get("settings") or without_tokens()
    asyncio.run(alone(settings, migrate))
