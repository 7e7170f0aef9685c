"""The peer that a tutorial leads to: FastAPI's own parameters, an ORM session, response models."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from impl.core.config import Settings
from impl.models import Item, Session, User


class ItemDraft(BaseModel):
    title: Annotated[str, Field(min_length=1, max_length=200)]


class ItemAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    status: str
    quantity: int
    tags: list[str]
    due_at: datetime | None
    created_at: datetime
    updated_at: datetime


class PageAnswer(BaseModel):
    data: list[ItemAnswer]
    next_cursor: str | None = None


SECRET = os.environ.get("JWT_SECRET", "")
engine = create_async_engine(
    URL.create(
        "postgresql+asyncpg",
        os.environ.get("DB_USER"),
        os.environ.get("DB_PASSWORD"),
        os.environ.get("DB_HOST"),
        int(os.environ.get("DB_PORT", "5432")),
        os.environ.get("DB_NAME"),
    ),
    connect_args={"ssl": False},
    pool_size=10,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
settings = Settings()


async def open_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session, session.begin():
        yield session


Database = Annotated[AsyncSession, Depends(open_session)]
Token = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/auth/token"))]


async def current_user(token: Token, database: Database) -> User:
    claims = jwt.decode(
        token, SECRET, ["HS256"], audience=settings.jwt_audience, issuer=settings.jwt_issuer
    )
    now = datetime.now(UTC)
    user = await database.scalar(
        select(User)
        .join(Session, Session.user_id == User.id)
        .where(
            Session.id == UUID(claims["sid"]),
            User.id == UUID(claims["sub"]),
            Session.revoked_at.is_(None),
            Session.expires_at > now,
            Session.idle_expires_at > now,
            User.active,
        )
    )
    if user is None:
        raise HTTPException(401)
    return user


Caller = Annotated[User, Depends(current_user)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/livez")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items/{item_id}")
async def get_item(item_id: UUID, user: Caller, database: Database) -> ItemAnswer:
    return ItemAnswer.model_validate(await owned(item_id, user, database))


@app.get("/items")
async def list_items(
    user: Caller, database: Database, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> PageAnswer:
    query = select(Item).where(Item.owner_id == user.id)
    rows = await database.scalars(
        query.order_by(Item.created_at.desc(), Item.id.desc()).limit(limit)
    )
    return PageAnswer(data=[ItemAnswer.model_validate(row) for row in rows])


@app.post("/items", status_code=201)
async def create_item(draft: ItemDraft, user: Caller, database: Database) -> ItemAnswer:
    item = Item(owner_id=user.id, title=draft.title, status="draft", quantity=1, tags=[])
    database.add(item)
    await database.flush()
    return ItemAnswer.model_validate(item)


@app.patch("/items/{item_id}")
async def update_item(
    item_id: UUID, draft: ItemDraft, user: Caller, database: Database
) -> ItemAnswer:
    item = await owned(item_id, user, database)
    item.title = draft.title
    item.version += 1
    item.updated_at = datetime.now(UTC)
    await database.flush()
    return ItemAnswer.model_validate(item)


async def owned(item_id: UUID, user: User, database: AsyncSession) -> Item:
    query = select(Item).where(Item.id == item_id, Item.owner_id == user.id)
    item = await database.scalar(query)
    if item is None:
        raise HTTPException(404)
    return item


def create_app() -> FastAPI:
    return app
