"""What is in a path is data as it was written, and parted as the schemas admit."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.document import Document
from charter.mock.app import Mock
from tests.charter.generate.telling import telling

DOCUMENT = Path(__file__).with_name("paths.yaml")


@pytest.fixture(scope="module", params=["dispatched", "routed"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """As the service finds operations, and as FastAPI alone does."""
    package = f"paths_{request.param}"
    folder = tmp_path_factory.mktemp(package)
    return telling(DOCUMENT, folder, package, dispatches=request.param == "dispatched")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


RESERVED = "/?#[]@!$&'()*+,;=: %ä"


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/projects/group%2Fapp", {"project": {"id": "group/app"}}),
        ("/projects/a%2fissues", {"project": {"id": "a/issues"}}),
        ("/projects/a%2Fb/issues", {"issues": {"id": "a/b"}}),
        ("/projects/a%252Fissues", {"project": {"id": "a%2Fissues"}}),
        (f"/projects/{quote(RESERVED, safe='')}", {"project": {"id": RESERVED}}),
        ("/names/12.tar.gz", {"named": {"name": "12", "format": "tar.gz"}}),
        ("/names/12.5.json", {"named": {"name": "12.5", "format": "json"}}),
        ("/days/2026-mid-may-31", {"day": {"year": "2026", "month": "mid-may", "day": "31"}}),
    ],
)
async def test_an_operation_gets_what_was_written(
    client: httpx.AsyncClient, path: str, called: object
) -> None:
    assert (await client.get(path)).json() == called


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/projects/group%2Fapp", 204),
        ("/projects/a%2fissues", 204),
        ("/projects/a/b", 404),
        ("/names/12.tar.gz", 204),
        ("/names/12.zip", 422),
        ("/days/2026-mid-may-31", 204),
        (f"/days/{'-' * 4000}", 422),
    ],
)
async def test_the_mock_reads_paths_alike(path: str, status: int) -> None:
    transport = httpx.ASGITransport(Mock(Document(DOCUMENT).content))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).status_code == status
