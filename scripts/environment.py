"""What a verb finds around it: the settings, and a PostgreSQL if none was named."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from impl.core import config
from impl.core.config import Environment, Settings
from scripts.errors import Misconfigured
from scripts.postgres import FORGETFUL, EmbeddedPostgres, make_directories, write_private

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

    @property
    def names_a_database(self) -> bool:
        return self.db_host is not None

    def postgres(self) -> EmbeddedPostgres:
        """The server that stands in for a DB_HOST."""
        return EmbeddedPostgres(self.data_dir / "postgres")

    def test_postgres(self) -> EmbeddedPostgres:
        """Another one for tests: faster, and nothing in it is anybody's."""
        return EmbeddedPostgres(self.data_dir / "test-postgres", FORGETFUL)


def given() -> Given:
    """Raises Misconfigured where `.env` can't be read."""
    try:
        return Given()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f".env can't be read: {error}.") from error


@contextlib.contextmanager
def database(*, testing: bool = False) -> Iterator[Settings]:
    """The settings, with a database that can be reached: the named one, else an embedded one.

    The address of an embedded database goes into the environment, for the processes that we start.
    Raises ConfigurationError or PostgresError.
    """
    around = given()
    if around.names_a_database:
        yield without_tokens()
        return
    server = around.test_postgres() if testing else around.postgres()
    with server as address, exported(address.environment()):
        yield without_tokens()


@contextlib.contextmanager
def exported(variables: Mapping[str, str]) -> Iterator[None]:
    """Put them into the environment, and take them out again: the server ends with the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def without_tokens() -> Settings:
    """The settings for what signs nothing: it needs no JWT_SECRET, and gets to know none."""
    return config.load(jwt_secret=secrets.token_urlsafe(48))


def ensure_jwt_secret(around: Given) -> None:
    """In development, make a secret up and keep it, so that logins outlive a restart."""
    if around.jwt_secret is not None or around.production:
        return
    try:
        os.environ["JWT_SECRET"] = kept_secret(around.data_dir)
    except OSError as error:
        raise Misconfigured(
            f"No JWT_SECRET can be kept in DATA_DIR={around.data_dir}: {error.strerror}. Set"
            " JWT_SECRET, or DATA_DIR to a directory that you may write to."
        ) from error


def kept_secret(directory: Path) -> str:
    make_directories(directory)
    path = directory / "jwt_secret"
    with locked(directory):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text().strip()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
