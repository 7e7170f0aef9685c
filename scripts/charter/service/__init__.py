"""What every Charter service needs over SQLAlchemy, asyncpg, uvicorn, Alembic and Prometheus.

`impl/` composes it: settings, tables, migrations and the form of an error are arguments here.
"""


class Refused(Exception):
    """It can't be done as asked; the message says why, and what helps."""


class ConfigurationError(Exception):
    """The environment can't be served with; the message names the variable and the remedy."""
