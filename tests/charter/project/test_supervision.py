"""A service and the `charter dev` that has started it."""

import asyncio
import signal
import socket

import pytest
from starlette.applications import Starlette

from charter.project.supervision import SUPERVISOR, report_to_parent


@pytest.mark.parametrize("is_early", [True, False], ids=["before it started", "afterwards"])
async def test_a_service_whose_parent_is_gone_starts_without_complaint_and_ends(
    is_early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setenv(SUPERVISOR, str(theirs.detach()))
    app, is_told = Starlette(), asyncio.Event()
    report_to_parent(app)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_told.set)
    try:
        if is_early:
            ours.close()
        async with app.router.lifespan_context(app), asyncio.timeout(5):
            ours.close()  # what the service has said is not read
            await is_told.wait()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
