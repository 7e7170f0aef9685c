"""What a verb finds around it: the settings, and a PostgreSQL if none was named."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from impl.core import config
from impl.core.config import Environment, Settings
from scripts.postgres import FORGETFUL, EmbeddedPostgres, write_private

ROOT = Path(__file__).resolve().parents[1]


class Given(BaseSettings):
    """What has to be known before the rest of the settings can be complete."""

    model_config = Settings.model_config

    environment: str = Environment.DEVELOPMENT
    data_dir: Path = Path(".data")
    db_host: str | None = None
    jwt_secret: SecretStr | None = None

    @property
    def production(self) -> bool:
        return self.environment == Environment.PRODUCTION


def embedded(given: Given, *, testing: bool = False) -> EmbeddedPostgres:
    """The server that stands in for a DB_HOST; tests have one of their own."""
    if testing:
        return EmbeddedPostgres(given.data_dir / "test-postgres", FORGETFUL)
    return EmbeddedPostgres(given.data_dir / "postgres")


@contextlib.contextmanager
def database(*, testing: bool = False) -> Iterator[Settings]:
    """The settings, with a database that can be reached: the named one, else an embedded one.

    The address of an embedded database goes into the environment, for processes that we start.
    Raises ConfigurationError or PostgresError.
    """
    given = Given()
    if given.db_host is not None:
        yield without_tokens()
        return
    with embedded(given, testing=testing) as address:
        os.environ.update(address.environment())
        yield without_tokens()


def without_tokens() -> Settings:
    """The settings for what signs nothing: it needs no JWT_SECRET and must not get to know one."""
    return config.load(jwt_secret=secrets.token_urlsafe(48))


def ensure_jwt_secret(given: Given) -> None:
    """In development, make a secret up and keep it, so that logins outlive a restart."""
    if given.jwt_secret is not None or given.production:
        return
    kept = given.data_dir / "jwt_secret"
    if not kept.exists():
        write_private(kept, secrets.token_urlsafe(48))
    os.environ["JWT_SECRET"] = kept.read_text().strip()
