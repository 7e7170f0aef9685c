"""The tables. Alembic reads `Base.metadata` from here, so every model is imported."""

from impl.db.base import Base
from impl.models.budgets import Budget
from impl.models.idempotency_keys import IdempotencyKey
from impl.models.item_changes import ItemChange
from impl.models.items import Item
from impl.models.login_failures import LoginFailures
from impl.models.sessions import Session
from impl.models.users import User

__all__ = [
    "Base",
    "Budget",
    "IdempotencyKey",
    "Item",
    "ItemChange",
    "LoginFailures",
    "Session",
    "User",
]
