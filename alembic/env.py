"""How Alembic reaches the database: as the service does, by its settings, and one run at a time."""

from alembic.util import CommandError

from charter.service import ConfigurationError
from charter.service.migrations import Target
from impl.core import config
from impl.db import migrations


def target() -> Target:
    """The database of the environment. Raises CommandError."""
    try:
        return migrations.target(config.without_tokens())
    except ConfigurationError as error:
        raise CommandError(str(error)) from error


migrations.SCHEMA.run_environment(target)
