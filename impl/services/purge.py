"""Deletes what is over: ended sessions, old idempotency keys, forgotten failures, spent budgets."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, inspect, select, tuple_
from sqlalchemy.orm import Mapper

from charter.service.outage import is_outage
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Base, Budget, IdempotencyKey, LoginFailures, Session
from impl.repositories.login_failures import FORGOTTEN_AFTER

LOCK = int.from_bytes(b"purge")
"""The advisory lock that lets one worker purge at a time."""

NOW = func.clock_timestamp()

log = logging.getLogger(__name__)


def is_passing(mapper: Mapper[Any]) -> bool:
    return hasattr(mapper.class_, "is_over")


class Purge:
    """Deletes in batches, each in a transaction of its own, so that nobody waits for it long."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.batch = settings.purge_batch_rows
        self.interval = settings.purge_interval_seconds
        retention = timedelta(days=settings.session_retention_days)
        self.expired: Sequence[tuple[type[Base], ColumnElement[bool]]] = (
            # the smaller one that is not NULL
            (Session, func.least(Session.idle_expires_at, Session.revoked_at) < NOW - retention),
            (IdempotencyKey, IdempotencyKey.expires_at < NOW),
            (
                LoginFailures,
                func.coalesce(LoginFailures.locked_until, LoginFailures.failed_at)
                < NOW - FORGOTTEN_AFTER,
            ),
            (Budget, Budget.ends_at < NOW),
            # tables of your own, whose classes say it themselves
            *(
                (one.class_, one.class_.is_over())
                for one in Base.registry.mappers
                if is_passing(one)
            ),
        )

    async def run_regularly(self) -> None:
        """Until cancelled. A database that is away is no reason to stop; the next time will do."""
        while True:
            await asyncio.sleep(self.interval)
            try:
                await self.run()
            except Exception as error:
                if is_outage(error):
                    log.warning("not purged", extra={"reason": type(error).__name__})
                else:
                    log.exception("not purged")

    async def run(self) -> Counter[str]:
        """How many rows of each table are gone; it ends early where another worker is at it."""
        gone: Counter[str] = Counter()
        for model, is_over in self.expired:
            while deleted := await self._delete_batch(model, is_over):
                gone[model.__tablename__] += deleted
        if gone:
            log.info("purged", extra={"rows": dict(gone)})
        return gone

    async def _delete_batch(self, model: type[Base], is_over: ColumnElement[bool]) -> int:
        """How many rows it deleted: none where there are none, or where somebody else purges."""
        key = inspect(model).primary_key
        # a row that somebody else has locked is in use, and can wait until the next time
        batch = select(*key).where(is_over).limit(self.batch).with_for_update(skip_locked=True)
        async with self.database.writing() as session, session.begin():
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
                return 0
            rows = await session.scalars(
                delete(model)
                .where(tuple_(*key).in_(batch))
                .returning(key[0])
                .execution_options(synchronize_session=False)
            )
            return len(rows.all())
