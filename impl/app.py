"""The application. Serve it with `charter serve`, or `uvicorn --factory impl.app:create_app`."""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from charter.runtime import Contract, Fault, InvalidRequest, ResponseViolation, docs, layers
from charter.runtime.dispatch import Dispatch
from charter.service import outage, telemetry
from charter.service.pool import OneWait
from charter.service.telemetry import OperationName, RequestLog
from generated import DOCUMENT
from impl import authentication, dependencies
from impl.core import config, problems
from impl.core.config import Environment, Settings
from impl.core.passwords import Passwords
from impl.core.tokens import AccessTokens, RefreshTokens
from impl.db.session import Database
from impl.models import Base, User
from impl.services.purge import Purge

OPENAPI = Path(__file__).parents[1] / "openapi" / "openapi.yaml"
EXPOSED_HEADERS = (
    "Deprecation", "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After",
    "Sunset", "WWW-Authenticate", "X-Request-ID",
)  # fmt: skip
ACCEPTED_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
    "Last-Event-ID",
)  # fmt: skip

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Raises ConfigurationError when the environment can't be served with."""
    settings = settings or config.load()
    telemetry.configure_logging(
        settings.log_level, settings.log_format, production=settings.production
    )
    keys = [secret.encode() for secret in settings.jwt_secrets]
    contract = Contract.load(
        DOCUMENT,
        body_limit=settings.body_limit_bytes,
        check_rate=settings.check_rate,
        on_violation=report_broken if settings.production else refuse_broken,
        streams_per_caller=settings.streams_per_caller,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await app.state.passwords.warm_up()
        await authentication.warm_up(app.state.database)
        purging = asyncio.create_task(Purge(app.state.database, settings).run_regularly())
        yield
        purging.cancel()
        app.state.passwords.close()
        await app.state.database.dispose()

    # the hand-written document is what clients get; FastAPI's derived one is never shown
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"logs": False},  # they would carry the texts of exceptions
    )
    app.state.settings = settings
    app.state.contract = contract
    app.state.database = Database(settings)
    app.state.passwords = Passwords(settings)
    app.state.access_tokens = AccessTokens(settings, keys)
    app.state.refresh_tokens = RefreshTokens(keys)
    problems.install(app)
    app.add_exception_handler(SQLAlchemyError, on_database_error)
    app.add_exception_handler(outage.DatabaseUnreachable, on_database_error)
    operations = dependencies.router(contract)
    app.include_router(operations)
    if settings.serves_openapi:
        app.include_router(published(settings))
    app.add_route("/metrics", metrics)
    add_middleware(app, settings, contract, operations)
    return app


def published(settings: Settings) -> APIRouter:
    """The document, and its pages where the settings ask for them."""
    live = settings.environment is Environment.DEVELOPMENT
    return docs.router(OPENAPI, DOCUMENT, pages=settings.serves_docs, live=live)


def add_middleware(
    app: FastAPI, settings: Settings, contract: Contract, operations: APIRouter
) -> None:
    """The layers around every request; the last one added is the outermost."""
    app.add_middleware(
        layers.Methods, allowed_methods=contract.allowed_methods, problem=problems.response
    )
    app.add_middleware(Dispatch, routes=operations.routes, contract=contract)
    app.add_middleware(OperationName)
    app.add_middleware(OneWait)
    app.add_middleware(
        layers.Deadline, seconds=settings.request_timeout_seconds, unavailable=problems.unavailable
    )
    app.add_middleware(layers.RateLimits)
    app.add_middleware(
        layers.SafeErrors, problem=problems.response, unavailable=problems.unavailable
    )
    if settings.cors_origins:
        app.add_middleware(
            layers.CrossOrigin,
            problem=problems.response,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=ACCEPTED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
        )
    app.add_middleware(layers.PathPrefix, prefix=settings.path_prefix)
    app.add_middleware(layers.SecurityHeaders, hsts_seconds=settings.strict_transport_seconds)
    app.add_middleware(RequestLog)
    app.add_middleware(
        layers.TrustedProxies, trusted=settings.trusted_proxies, header=settings.proxy_header
    )


def report_broken(broken: ResponseViolation) -> None:
    """In production a response that breaks its promise is counted, and sent all the same."""
    telemetry.BROKEN_RESPONSES.labels(broken.operation_id).inc()
    log.error("broken response", extra={"promise": str(broken)})


def refuse_broken(broken: ResponseViolation) -> None:
    """Anywhere else it is an error, so that somebody mends it."""
    report_broken(broken)
    raise broken


async def on_database_error(request: Request, error: Exception) -> Response:
    """What the client did can be told from what happened to it; else it is a fault of ours."""
    if outage.is_unfit(error):
        log.warning("value refused by the database", extra={"reason": outage.sqlstate(error)})
        return await problems.on_refusal(request, unfit_value(request))
    if is_orphaned(error):  # the caller's account was deleted beside this request
        return await problems.on_problem(request, problems.InvalidToken())
    if not outage.is_outage(error):
        raise error
    log.warning("database unavailable", extra={"reason": type(error).__name__})
    return await problems.on_problem(request, problems.ServiceUnavailable())


def unfit_value(request: Request) -> InvalidRequest:
    """The document admits a value that the database can't hold, and doesn't say where it was."""
    contract: Contract = request.app.state.contract
    operation = contract.operations[request.scope["route"].operation_id]
    fault = Fault("body", "", "holds a value that can't be stored")
    return InvalidRequest(operation.id, operation.refusal_status, [fault])


def is_orphaned(error: Exception) -> bool:
    """Whether a row was to belong to a user who is not there."""
    name = outage.missing_reference(error)
    return any(
        key.name == name and key.referred_table is User.__table__
        for table in Base.metadata.tables.values()
        for key in table.foreign_key_constraints
    )


async def metrics(request: Request) -> Response:
    """For the operator's Prometheus: open in development, with METRICS_TOKEN in production."""
    settings: Settings = request.app.state.settings
    if settings.metrics_token is None:
        if settings.production:
            raise problems.NotFound("There is nothing at this path.")
    else:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise problems.Unauthenticated("The metrics need their own token.")
    return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)
