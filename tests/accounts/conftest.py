"""In these tests a path is one of the accounts; PREFIX stands before it."""

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from impl.core.accounts import PREFIX
from tests.people import client_of


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger, who knows the accounts alone."""
    async with client_of(app, PREFIX) as client:
        yield client
