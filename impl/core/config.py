"""Settings, read once from the environment or `.env`; the environment wins."""

import os
import re
import secrets
import zlib
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from charter.runtime.layers import ANY, ProxyHeader
from charter.runtime.streams import MOST_STREAMS
from charter.service import ConfigurationError
from charter.service.telemetry import LogFormat

KNOWN_SECRETS = (
    "changeme", "change-me", "change_me", "secret", "password", "jwt_secret", "your-", "qwerty",
)  # fmt: skip
"""What example files are full of: a secret that contains one of these protects nothing."""

MINIMUM_SECRET_BYTES = 32  # RFC 7518 section 3.2: the key of HS256 is at least as long as its hash


ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]+)?|https?://\[[0-9a-f:.]+\](:[0-9]+)?")
"""How a browser writes an origin (RFC 6454 section 6.2); `null` is everybody's."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


def _comma_separated(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


class Settings(BaseSettings):
    """Everything a deployment can set. `.env.example` says the same, one sentence each."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    debug: bool = False
    log_level: str = "INFO"
    log_format: Annotated[LogFormat, BeforeValidator(_lower_case)] = LogFormat.AUTO

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    drain_seconds: Annotated[float, Field(ge=0)] = 2
    keep_alive_seconds: Annotated[int, Field(ge=1)] = 75
    data_dir: Path = Path(".data")

    db_host: str = "127.0.0.1"
    db_port: Annotated[int, Field(ge=1, le=65535)] = 5432
    db_user: str = "charter"
    db_password: SecretStr = SecretStr("")
    db_name: str = "charter"
    db_sslmode: str = "prefer"
    db_plaintext_hosts: CommaSeparated = ()
    db_pgbouncer: bool = False
    db_pool_size: Annotated[int, Field(ge=1)] = 10
    db_max_overflow: Annotated[int, Field(ge=0)] = 0
    db_pool_timeout_seconds: Annotated[float, Field(gt=0)] = 2
    db_connection_age_seconds: Annotated[int, Field(ge=1)] = 1800
    db_connect_timeout_seconds: Annotated[float, Field(gt=0)] = 2
    db_statement_timeout_seconds: Annotated[float, Field(gt=0)] = 3
    db_lock_timeout_seconds: Annotated[float, Field(gt=0)] = 1

    jwt_secret: SecretStr = SecretStr("")
    jwt_issuer: str = "charter"
    jwt_audience: str = "charter"
    jwt_leeway_seconds: Annotated[int, Field(ge=0, le=60)] = 10
    access_token_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    refresh_idle_days: Annotated[float, Field(gt=0)] = 14
    refresh_absolute_days: Annotated[float, Field(gt=0)] = 30
    refresh_reuse_grace_seconds: Annotated[float, Field(ge=0, le=60)] = 10

    password_min_length: Annotated[int, Field(ge=8, le=256)] = 8
    bcrypt_rounds: Annotated[int, Field(ge=4, le=20)] = 12
    password_hash_threads: Annotated[int, Field(ge=1)] = max(1, (os.cpu_count() or 2) - 1)
    password_hash_queue: Annotated[int, Field(ge=1)] = 12
    login_max_failures: Annotated[int, Field(ge=1)] = 10
    login_lock_seconds: Annotated[int, Field(ge=1, le=900)] = 60

    logins_per_minute: Annotated[int, Field(ge=0)] = 30
    refreshes_per_minute: Annotated[int, Field(ge=0)] = 120
    registrations_per_minute: Annotated[int, Field(ge=0)] = 30
    password_changes_per_minute: Annotated[int, Field(ge=0)] = 10

    session_retention_days: Annotated[float, Field(ge=0)] = 7
    purge_interval_seconds: Annotated[float, Field(gt=0)] = 600
    purge_batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000

    body_limit_bytes: Annotated[int, Field(ge=1)] = 1_048_576
    header_timeout_seconds: Annotated[float, Field(gt=0)] = 10
    body_timeout_seconds: Annotated[float, Field(gt=0)] = 30
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    streams_per_caller: Annotated[int, Field(ge=0)] = MOST_STREAMS
    idempotency_key_hours: Annotated[float, Field(gt=0)] = 24
    response_check_share: Annotated[float | None, Field(ge=0, le=1)] = None

    docs: bool | None = None
    openapi: bool | None = None
    cors_origins: CommaSeparated = ()
    path_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    trusted_proxies: CommaSeparated = ()
    proxy_header: Annotated[ProxyHeader, BeforeValidator(_lower_case)] = ProxyHeader.X_FORWARDED_FOR
    hsts_seconds: Annotated[int | None, Field(ge=0)] = None
    metrics_token: SecretStr | None = None

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def serves_docs(self) -> bool:
        return self.docs if self.docs is not None else not self.production

    @property
    def serves_openapi(self) -> bool:
        """The pages read the document, so that it is there where they are."""
        return self.openapi if self.openapi is not None else self.serves_docs or not self.production

    @property
    def strict_transport_seconds(self) -> int:
        if self.hsts_seconds is not None:
            return self.hsts_seconds
        return int(timedelta(days=365).total_seconds()) if self.production else 0

    @property
    def check_rate(self) -> float:
        """The share of responses that are judged by the document: all; in production 1 %."""
        if self.response_check_share is not None:
            return self.response_check_share
        return 0.01 if self.production else 1.0

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """The first signs, all verify."""
        listed = self.jwt_secret.get_secret_value().split(",")
        return tuple(secret.strip() for secret in listed if secret.strip())

    @property
    def access_token_lifetime(self) -> timedelta:
        return timedelta(seconds=self.access_token_seconds)

    @model_validator(mode="after")
    def _tokens_can_be_signed(self) -> Self:
        if not self.jwt_secrets:
            raise ValueError(
                "JWT_SECRET is missing. Make one with `openssl rand -base64 48` and put it into the"
                " environment or .env."
            )
        for secret in self.jwt_secrets:
            if len(secret.encode()) < MINIMUM_SECRET_BYTES:
                raise ValueError(
                    f"JWT_SECRET is shorter than {MINIMUM_SECRET_BYTES} bytes."
                    " Make one with `openssl rand -base64 48`."
                )
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                name == ANY or ip_network(name, strict=False)
            except ValueError:
                raise ValueError(
                    f"`{name}` is no IP address or network: write 192.0.2.7 or 10.0.0.0/8"
                ) from None
        return names

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.production:
            for objection in (*self._to_secrets(), *self._to_callers(), *self._to_database()):
                raise ValueError(objection)
        return self

    def _to_secrets(self) -> Iterator[str]:
        if any(is_guessable(secret) for secret in self.jwt_secrets):
            yield (
                "JWT_SECRET is a well-known or low-entropy value."
                " Make one with `openssl rand -base64 48`."
            )
        if self.bcrypt_rounds < 12:
            yield "BCRYPT_ROUNDS is below 12. Remove it, or set at least 12."

    def _to_callers(self) -> Iterator[str]:
        if self.debug:
            yield "DEBUG is on. Production runs without it: remove DEBUG or set DEBUG=false."
        if ANY in self.cors_origins:
            yield "CORS_ORIGINS is `*`. Name the origins that may call this API from a browser."
        for origin in self.cors_origins:
            if not ORIGIN.fullmatch(origin):
                yield (
                    f"CORS_ORIGINS holds `{origin}`, which is no origin: write it as a browser"
                    " sends it, for example https://app.example.com."
                )
        if ANY in self.trusted_proxies:
            yield (
                "TRUSTED_PROXIES is `*`: every caller could choose the address that it is counted"
                " by. Name the addresses or networks of the proxies."
            )

    def _to_database(self) -> Iterator[str]:
        if "db_host" not in self.model_fields_set:
            yield "DB_HOST is not set. Name the PostgreSQL server that holds the data."
        if self.db_sslmode in ("disable", "allow", "prefer"):
            for host in filter(self._needs_tls, self.db_host.split(",")):
                yield (
                    f"DB_SSLMODE is `{self.db_sslmode}` towards {host}: the connection may go"
                    " unencrypted. Set DB_SSLMODE=verify-full (or require), or name the host in"
                    " DB_PLAINTEXT_HOSTS where nobody else is in its network."
                )

    def _needs_tls(self, host: str) -> bool:
        return not is_loopback(host.strip()) and host.strip() not in self.db_plaintext_hosts


def is_guessable(secret: str) -> bool:
    """Whether the secret is an example's, or one that a rule makes from a few characters."""
    if len(set(secret)) < 10 or any(known in secret.lower() for known in KNOWN_SECRETS):
        return True
    text = secret.encode()
    steps = bytes((after - before) % 256 for before, after in pairwise(text))
    # what repeats becomes short; so do the steps of what counts up or down
    return any(len(zlib.compress(content)) < MINIMUM_SECRET_BYTES for content in (text, steps))


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load(**given: Any) -> Settings:
    """The settings of this process; what is given wins over the environment.

    Raises ConfigurationError with one sentence: no secret in it, no traceback needed.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {message}." if name else message) from None


def without_tokens() -> Settings:
    """The settings for what signs nothing: it needs no JWT_SECRET, and does not learn it."""
    return load(jwt_secret=secrets.token_urlsafe(48))
