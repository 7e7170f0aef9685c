"""What is over is deleted, what is not stays, and one worker at a time does it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from impl.commands import purge
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Base, Budget, IdempotencyKey, LoginFailures, Session
from impl.repositories.budgets import BudgetRepository
from impl.services.purge import LOCK, Purge
from tests.people import Person, changed

NOW = func.clock_timestamp()


async def count(database: Database, model: type[Base]) -> int:
    async with database.reading() as reading:
        return await reading.scalar(select(func.count()).select_from(model)) or 0


async def set_all(database: Database, model: type[Base], **values: object) -> None:
    async with database.writing() as writing, writing.begin():
        await writing.execute(update(model).values(**values))


@pytest.mark.parametrize("ending", ["revoked_at", "idle_expires_at"])
async def test_a_session_is_kept_for_the_retention_after_its_end(
    ada: Person, database: Database, settings: Settings, ending: str
) -> None:
    await set_all(database, Session, **{ending: NOW - timedelta(days=6)})
    assert not await Purge(database, settings).run()

    await set_all(database, Session, **{ending: NOW - timedelta(days=8)})
    gone = await Purge(database, settings).run()

    assert gone == {"sessions": 1}
    assert await count(database, Session) == 0


async def test_what_is_in_use_stays(ada: Person, database: Database, settings: Settings) -> None:
    await ada.post("/items", json={"title": "x"}, headers={"Idempotency-Key": "k"})
    await ada.log_in(password="not the password")
    await BudgetRepository(database).spend(["somebody"], 5, timedelta(minutes=1))

    assert not await Purge(database, settings).run()

    assert (await ada.get("/users/me")).status_code == 200
    for model in (Session, IdempotencyKey, LoginFailures, Budget):
        assert await count(database, model) == 1


async def test_keys_failures_and_budgets_go_when_they_mean_nothing_any_more(
    ada: Person, database: Database, settings: Settings
) -> None:
    await ada.post("/items", json={"title": "x"}, headers={"Idempotency-Key": "k"})
    await ada.log_in(password="not the password")
    await BudgetRepository(database).spend(["somebody"], 5, timedelta(minutes=1))
    await set_all(database, IdempotencyKey, expires_at=NOW)
    await set_all(database, LoginFailures, failed_at=NOW - timedelta(hours=13))
    await set_all(database, Budget, ends_at=NOW)

    gone = await Purge(database, settings).run()

    assert gone == {"idempotency_keys": 1, "login_failures": 1, "budgets": 1}


async def test_a_batch_is_one_transaction_and_all_batches_are_all_rows(
    database: Database, settings: Settings
) -> None:
    budgets = BudgetRepository(database)
    for number in range(7):
        await budgets.spend([f"caller {number}"], 5, timedelta(0))

    gone = await Purge(database, changed(settings, purge_batch_rows=3)).run()

    assert gone == {"budgets": 7}


async def test_one_worker_at_a_time_purges(database: Database, settings: Settings) -> None:
    await BudgetRepository(database).spend(["somebody"], 5, timedelta(0))
    async with database.writing() as other, other.begin():
        await other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})

        assert not await Purge(database, settings).run()

    assert await Purge(database, settings).run() == {"budgets": 1}


async def test_the_service_purges_on_its_own(database: Database, settings: Settings) -> None:
    await BudgetRepository(database).spend(["somebody"], 5, timedelta(0))
    often = Purge(database, changed(settings, purge_interval_seconds=0.01))

    purging = asyncio.create_task(often.run_regularly())
    async with asyncio.timeout(5):
        while await count(database, Budget):  # noqa: ASYNC110 - the database tells
            await asyncio.sleep(0.01)
    purging.cancel()


async def test_a_database_that_is_away_does_not_end_it(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Database(changed(settings, db_port=1))
    often = Purge(nowhere, changed(settings, purge_interval_seconds=0.01))

    purging = asyncio.create_task(often.run_regularly())
    async with asyncio.timeout(5):
        while caplog.text.count("not purged") < 2:  # noqa: ASYNC110 - the log tells
            await asyncio.sleep(0.01)
    purging.cancel()

    assert "Traceback" not in caplog.text


async def test_an_operator_can_purge_at_once(database: Database, settings: Settings) -> None:
    await BudgetRepository(database).spend(["somebody"], 5, timedelta(0))

    assert await purge.purge(settings) == {"budgets": 1}
