"""How the service reaches PostgreSQL: by asyncpg, within bounded times, and by nothing else."""

import ssl
from typing import Any

import asyncpg
from sqlalchemy import URL, Dialect, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from charter.service.hosts import WritableHost
from charter.service.outage import READ_ONLY, DatabaseUnreachable
from charter.service.pool import PatientPool
from impl.core.config import Settings, is_loopback


def database_url(settings: Settings) -> URL:
    """The address of the database. `DB_HOST` may name several hosts, separated by commas."""
    hosts = [host.strip() for host in settings.db_host.split(",")]
    several = len(hosts) > 1
    return URL.create(
        "postgresql+asyncpg",
        username=settings.db_user,
        password=settings.db_password.get_secret_value(),
        host=None if several else hosts[0],
        port=None if several else settings.db_port,
        database=settings.db_name,
        query={"host": [with_port(host, settings.db_port) for host in hosts]} if several else {},
    )


def with_port(host: str, port: int) -> str:
    return host if ":" in host else f"{host}:{port}"


def connect_args(settings: Settings) -> dict[str, Any]:
    """Bounds for everything that the server or the network could make us wait for."""
    arguments: dict[str, Any] = {
        "timeout": settings.db_connect_timeout_seconds,
        # the server's own bound comes first and leaves a usable connection
        "command_timeout": settings.db_statement_timeout_seconds + 1,
        "ssl": tls(settings),
        "connection_class": Connection,
    }
    if "," in settings.db_host:
        arguments["async_creator_fn"] = WritableHost().connect
    if settings.db_pgbouncer:
        # a transaction pooler hands the names of one client's statements to another
        return arguments | {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return arguments | {"server_settings": server_settings(settings)}


class Connection(asyncpg.Connection):  # type: ignore[misc] # untyped
    """Ends at once where it is given a time to end in.

    SQLAlchemy gives it two seconds when a request was cancelled, which a server that is silent
    spends in full, on top of the request's own time.
    """

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        if timeout is None:
            await super().close()
        else:
            self.terminate()


def server_settings(settings: Settings) -> dict[str, str]:
    def milliseconds(seconds: float) -> str:
        return str(int(seconds * 1000))

    return {
        "application_name": "charter",
        "timezone": "UTC",
        "statement_timeout": milliseconds(settings.db_statement_timeout_seconds),
        "lock_timeout": milliseconds(settings.db_lock_timeout_seconds),
        "idle_in_transaction_session_timeout": milliseconds(settings.request_timeout_seconds * 2),
        # the plans of our short statements gain nothing from compilation
        "jit": "off",
    }


def tls(settings: Settings) -> ssl.SSLContext | str | bool:
    """What asyncpg takes as `ssl`.

    Towards this machine there is none unless it is asked for: `prefer` would look for keys below
    HOME, which need not be readable.
    """
    mode = settings.db_sslmode
    if mode == "disable" or (mode in ("allow", "prefer") and is_loopback(settings.db_host)):
        return False
    return mode


def create_engine(settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        database_url(settings),
        connect_args=connect_args(settings),
        hide_parameters=True,  # SQLAlchemy's errors would carry hashes and e-mail addresses
        poolclass=PatientPool,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_recycle=settings.db_connection_age_seconds,
    )
    name_failures(engine)
    return engine


def name_failures(engine: AsyncEngine) -> None:
    """Tell the database's failures from those of anything else, and from each other."""
    event.listen(engine.sync_engine, "do_connect", connect)
    event.listen(engine.sync_engine, "handle_error", hide_values)
    event.listen(engine.sync_engine, "handle_error", leave_standby)
    event.listen(engine.sync_engine, "handle_error", name_network_failure)


def connect(dialect: Dialect, record: object, arguments: Any, named: Any) -> DBAPIConnection:
    """Raises DatabaseUnreachable: SQLAlchemy passes on what is no error of the driver's own."""
    try:
        return dialect.connect(*arguments, **named)
    except OSError as error:  # of which TimeoutError is one
        raise DatabaseUnreachable from error


def name_network_failure(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, OSError):
        raise DatabaseUnreachable from context.original_exception


def leave_standby(context: ExceptionContext) -> None:
    """Drop every connection once a server refuses to write: another one is the primary now."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = True


def hide_values(context: ExceptionContext) -> None:
    """Take PostgreSQL's DETAIL out of an error before anybody can log it.

    It quotes the row that broke the rule, hashes and e-mail addresses and all. The name of the
    constraint stays.
    """
    raised = context.original_exception
    detail = getattr(raised, "detail", None)
    if not detail:
        return
    for error in (raised, raised.__cause__, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(
                str(argument).replace(f"\nDETAIL:  {detail}", "") for argument in error.args
            )
    for error in (raised, raised.__cause__):
        error.detail = None  # type: ignore[union-attr] # neither driver nor dialect declares it
