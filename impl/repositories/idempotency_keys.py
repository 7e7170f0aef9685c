import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from impl.db.repository import Repository
from impl.models import IdempotencyKey

NOW = func.clock_timestamp()


def fingerprint(body: BaseModel, *secrets: str) -> bytes:
    """What tells one body from another, but for its secrets: whoever reads it could guess them."""
    content = body.model_dump_json(exclude_unset=True, exclude=set(secrets))
    return hashlib.sha256(content.encode()).digest()


class IdempotencyKeyRepository(Repository[IdempotencyKey]):
    async def claim(
        self, user_id: UUID, operation: str, key: str, fingerprint: bytes, lifetime: timedelta
    ) -> bool:
        """Whether the key is ours now: it was free, or its time was over.

        Somebody else's claim that is not committed yet is waited for; it lives or dies with the
        transaction that does the work.
        """
        statement = insert(IdempotencyKey).values(
            user_id=user_id,
            operation=operation,
            key=key,
            fingerprint=fingerprint,
            expires_at=NOW + lifetime,
        )
        claimed = await self.session.scalar(
            statement.on_conflict_do_update(
                index_elements=["user_id", "operation", "key"],
                set_={
                    "fingerprint": statement.excluded.fingerprint,
                    "expires_at": statement.excluded.expires_at,
                    "answer": None,
                },
                where=IdempotencyKey.expires_at <= NOW,
            ).returning(IdempotencyKey.key)
        )
        return claimed is not None

    async def answer(
        self, user_id: UUID, operation: str, key: str, fingerprint: bytes
    ) -> dict[str, Any] | None:
        """What the first run of the same request was answered, as long as it is kept."""
        query = select(IdempotencyKey.answer).where(
            IdempotencyKey.user_id == user_id,
            IdempotencyKey.operation == operation,
            IdempotencyKey.key == key,
            IdempotencyKey.fingerprint == fingerprint,
            IdempotencyKey.expires_at > NOW,
        )
        return await self.session.scalar(query)

    async def keep(self, user_id: UUID, operation: str, key: str, answer: dict[str, Any]) -> None:
        await self.session.execute(
            update(IdempotencyKey)
            .where(
                IdempotencyKey.user_id == user_id,
                IdempotencyKey.operation == operation,
                IdempotencyKey.key == key,
            )
            .values(answer=answer)
        )
