"""Generated clients on the running service of this repository: `programs/` says what they do."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from charter.contract.service_under_test import Prepared
from tests.charter.sdk.clients import (
    mypy,
    node,
    python,
    python_client,
    serving,
    tsc,
    typescript_client,
)
from tests.data import DOCUMENT

WELL = "the journey ended well\n"
NUMBER = "500"
"""Items; a connection lasts for two of them on average."""
SECONDS = 2
"""That an access token is good for; a client renews it before."""


@pytest.fixture(scope="module")
def short_lived(services: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tokens = {"ACCESS_TOKEN_SECONDS": str(SECONDS), "JWT_LEEWAY_SECONDS": "0"}
    with services.service(tmp_path_factory.mktemp("service"), environment=tokens) as running:
        yield running.base_url


@pytest.fixture
def cut(service: str) -> Iterator[str]:
    """The same service behind connections that break."""
    address = urlsplit(service)
    where = (str(address.hostname), str(address.port))
    with serving("-m", "tests.charter.sdk.cutting", *where) as base_url:
        yield base_url


def test_a_python_client_makes_the_whole_journey(short_lived: str, tmp_path: Path) -> None:
    folder = python_client(DOCUMENT, tmp_path, "service_journey.py", "cuts.py")

    mypy("charter_client", "service_journey.py", "cuts.py", cwd=folder)

    assert python("service_journey.py", short_lived, str(SECONDS), cwd=folder) == WELL


def test_a_typescript_client_makes_the_whole_journey(short_lived: str, tmp_path: Path) -> None:
    folder = typescript_client(DOCUMENT, tmp_path, "service_journey.ts")

    tsc(folder)

    assert node("service_journey.js", short_lived, str(SECONDS), cwd=folder) == WELL


def test_a_python_client_makes_no_item_twice(service: str, cut: str, tmp_path: Path) -> None:
    folder = python_client(DOCUMENT, tmp_path, "cuts.py")

    assert int(python("cuts.py", service, cut, NUMBER, cwd=folder)) >= 100


def test_a_typescript_client_makes_no_item_twice(service: str, cut: str, tmp_path: Path) -> None:
    folder = typescript_client(DOCUMENT, tmp_path, "cuts.ts")

    tsc(folder)

    assert int(node("cuts.js", service, cut, NUMBER, cwd=folder)) >= 100
