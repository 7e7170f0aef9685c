"""What a project's programs need to start: settings, a secret, and a PostgreSQL."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from charter.errors import Misconfigured
from charter.postgres import FORGETFUL, Address, EmbeddedPostgres, make_directories, write_private

PRODUCTION = "production"

NO_DATABASE = (
    "DB_HOST is not set, and production has no PostgreSQL of its own: set DB_HOST and its siblings"
    " (.env.example lists them)."
)


class Given(BaseSettings):
    """What has to be known before a program of the project starts; `.env` counts as well."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    environment: str = "development"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Path(".data")
    jwt_secret: SecretStr | None = None
    db_host: str | None = None
    db_port: Annotated[int, Field(ge=1, le=65535)] = 5432
    db_user: str = "charter"
    db_password: SecretStr = SecretStr("")
    db_name: str = "charter"
    db_sslmode: str = "prefer"

    @property
    def production(self) -> bool:
        return self.environment == PRODUCTION

    @property
    def names_a_database(self) -> bool:
        return self.db_host is not None

    @property
    def address(self) -> Address:
        """Of the database that DB_HOST names."""
        return Address(
            host=self.db_host or "127.0.0.1",
            port=self.db_port,
            user=self.db_user,
            password=self.db_password.get_secret_value(),
            name=self.db_name,
            sslmode=self.db_sslmode,
        )

    def postgres(self) -> EmbeddedPostgres:
        """The server that stands in for a DB_HOST."""
        return EmbeddedPostgres(self.data_dir / "postgres")

    def test_postgres(self) -> EmbeddedPostgres:
        """Another one for tests: faster, and nothing in it is anybody's."""
        return EmbeddedPostgres(self.data_dir / "test-postgres", FORGETFUL)


def given() -> Given:
    """Raises Misconfigured where the environment or `.env` can't be read."""
    try:
        return Given()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f".env can't be read: {error}.") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(map(str, first["loc"])).upper()
        raise Misconfigured(f"{name}: {first['msg']}.") from None


@contextlib.contextmanager
def database(*, testing: bool = False) -> Iterator[Address]:
    """A database that can be reached: the named one, else an embedded one.

    The address of an embedded one goes into the environment, for the programs that we start.
    Raises Misconfigured in production without DB_HOST, and PostgresError.
    """
    around = given()
    if around.names_a_database:
        yield around.address
        return
    if around.production:
        raise Misconfigured(NO_DATABASE)
    server = around.test_postgres() if testing else around.postgres()
    with server as address, exported(address.environment()):
        yield address


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


@contextlib.contextmanager
def ready() -> Iterator[Address]:
    """A database and a secret: all that a program of the project needs to start."""
    ensure_jwt_secret(given())
    with database() as address:
        yield address


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
