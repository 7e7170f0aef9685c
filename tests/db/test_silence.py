"""A database that says nothing any more, and does not hang up either."""

import time

from impl.core.config import Settings
from impl.db.session import Database
from tests.chaos.line import Mode, line_to
from tests.people import changed, register, worker


async def test_rel_1_silence_in_the_middle_of_a_request_ends_with_its_time(
    settings: Settings, database: Database
) -> None:
    async with line_to(settings.db_port) as line:
        hasty = changed(settings, db_port=line.port, request_timeout_seconds=1)
        async with worker(hasty) as client:
            ada = await register(client)
            line.mode = Mode.SILENT
            began = time.monotonic()
            silent = await ada.post("/items", json={"title": "x"})
            took = time.monotonic() - began
            line.mode = Mode.PASS
            again = await ada.post("/items", json={"title": "x"})

    assert silent.status_code == 503
    assert took < 2
    assert again.status_code == 201


async def test_a_silent_host_is_passed_over_for_the_next_one(
    settings: Settings, database: Database
) -> None:
    async with line_to(settings.db_port) as line:
        line.mode = Mode.SILENT
        hosts = f"127.0.0.1:{line.port},127.0.0.1:{settings.db_port}"
        hasty = changed(settings, db_host=hosts, db_connect_timeout_seconds=0.5)
        async with worker(hasty) as client:
            began = time.monotonic()
            ada = await register(client)
            found = time.monotonic() - began
            answers = [(await ada.get("/items")).status_code for _ in range(5)]

    assert found < 3
    assert answers == [200] * 5
