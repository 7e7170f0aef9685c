"""How Alembic reaches the database: as the service does, by its settings, and one run at a time."""

import asyncio

from alembic import context
from alembic.operations import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from impl.core import config
from impl.core.config import ConfigurationError, Settings
from impl.db.migrations import run_alone
from impl.models import Base


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        # each on its own, so that one may build an index concurrently
        transaction_per_migration=True,
        # `alembic check` wants to see what is empty
        process_revision_directives=unless_empty if is_autogenerate() else None,
    )
    with context.begin_transaction():
        context.run_migrations()


def is_autogenerate() -> bool:
    return getattr(context.config.cmd_opts, "autogenerate", False)


def unless_empty(
    context: MigrationContext, revision: object, directives: list[MigrationScript]
) -> None:
    """`alembic revision --autogenerate` writes nothing where models and migrations agree."""
    operations = directives[0].upgrade_ops
    if operations is None or operations.is_empty():
        directives.clear()


def show() -> None:
    """`alembic upgrade --sql`: print the statements, connect to nothing."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def settings() -> Settings:
    """Those of whoever calls Alembic, else of the environment. Raises CommandError."""
    given = context.config.attributes.get("settings")
    if isinstance(given, Settings):
        return given
    try:
        return config.without_tokens()
    except ConfigurationError as error:
        raise CommandError(str(error)) from error


if context.is_offline_mode():
    show()
else:
    asyncio.run(run_alone(settings(), migrate))
