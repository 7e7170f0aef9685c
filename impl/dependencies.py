"""Which class implements which operations: one dependency for each tag of the document.

All of them are `async`, although none waits: FastAPI sends what is not to a thread, which costs
more than most requests.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from charter.runtime import Contract
from charter.runtime.layers import RATE_LIMITS
from charter.service.draining import DRAINING
from generated import api
from generated.operations import (
    AuthOperations,
    HealthOperations,
    ItemsOperations,
    UsersOperations,
)
from impl.authentication import access_tokens, authenticate
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.core.tokens import AccessTokens, RefreshTokens
from impl.db.session import Database, Session, database
from impl.repositories.budgets import BudgetRepository
from impl.repositories.idempotency_keys import IdempotencyKeyRepository
from impl.repositories.item_changes import ItemChangeRepository, ItemFeed
from impl.repositories.items import ItemRepository
from impl.repositories.login_failures import LoginFailureRepository
from impl.repositories.sessions import SessionRepository
from impl.repositories.users import UserRepository
from impl.services.auth import AuthService, Client, Lifetimes
from impl.services.budgets import WINDOW, Balance, Budgets
from impl.services.health import HealthService
from impl.services.items import ItemService, Times
from impl.services.login_guard import LoginGuard
from impl.services.users import UserService


async def settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def passwords(request: Request) -> Passwords:
    found: Passwords = request.app.state.passwords
    return found


async def refresh_tokens(request: Request) -> RefreshTokens:
    found: RefreshTokens = request.app.state.refresh_tokens
    return found


async def client(request: Request) -> Client:
    return Client(
        user_agent=request.headers.get("user-agent"),
        address=request.client.host if request.client else None,
    )


async def login_guard(
    database: Annotated[Database, Depends(database)],
    settings: Annotated[Settings, Depends(settings)],
) -> LoginGuard:
    return LoginGuard(LoginFailureRepository(database), settings)


async def budgets(
    request: Request,
    database: Annotated[Database, Depends(database)],
    settings: Annotated[Settings, Depends(settings)],
) -> Budgets:
    def report(balances: Sequence[Balance]) -> None:
        request.scope[RATE_LIMITS].update(
            {
                "RateLimit-Policy": ", ".join(
                    f'"{one.policy}";q={one.quota};w={int(WINDOW.total_seconds())}'
                    for one in balances
                ),
                "RateLimit": ", ".join(
                    f'"{one.policy}";r={one.left};t={math.ceil(one.seconds)}' for one in balances
                ),
            }
        )

    address = request.client.host if request.client else None
    return Budgets(BudgetRepository(database), settings, address, report)


async def auth(
    session: Session,
    budgets: Annotated[Budgets, Depends(budgets)],
    guard: Annotated[LoginGuard, Depends(login_guard)],
    passwords: Annotated[Passwords, Depends(passwords)],
    access_tokens: Annotated[AccessTokens, Depends(access_tokens)],
    refresh_tokens: Annotated[RefreshTokens, Depends(refresh_tokens)],
    settings: Annotated[Settings, Depends(settings)],
    client: Annotated[Client, Depends(client)],
) -> AuthOperations:
    return AuthService(
        UserRepository(session),
        SessionRepository(session),
        budgets,
        guard,
        passwords,
        access_tokens,
        refresh_tokens,
        Lifetimes.of(settings),
        client,
    )


async def users(
    session: Session,
    budgets: Annotated[Budgets, Depends(budgets)],
    guard: Annotated[LoginGuard, Depends(login_guard)],
    passwords: Annotated[Passwords, Depends(passwords)],
    settings: Annotated[Settings, Depends(settings)],
) -> UsersOperations:
    return UserService(
        UserRepository(session),
        SessionRepository(session),
        passwords,
        guard,
        budgets,
        IdempotencyKeyRepository(session),
        timedelta(hours=settings.idempotency_key_hours),
    )


async def item_feed(request: Request, database: Annotated[Database, Depends(database)]) -> ItemFeed:
    """One for all streams of this process."""
    state = request.app.state
    if not hasattr(state, "item_feed"):
        state.item_feed = ItemFeed(database)
    found: ItemFeed = state.item_feed
    return found


async def items(
    session: Session,
    settings: Annotated[Settings, Depends(settings)],
    feed: Annotated[ItemFeed, Depends(item_feed)],
) -> ItemsOperations:
    return ItemService(
        ItemRepository(session),
        IdempotencyKeyRepository(session),
        ItemChangeRepository(session),
        feed,
        Times.of(settings),
    )


async def health(
    request: Request, database: Annotated[Database, Depends(database)]
) -> HealthOperations:
    return HealthService(database, draining=getattr(request.state, DRAINING, False))


def router(contract: Contract) -> APIRouter:
    return api.build(
        contract=contract,
        authenticate=authenticate,
        auth=auth,
        users=users,
        items=items,
        health=health,
    )
