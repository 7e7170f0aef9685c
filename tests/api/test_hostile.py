"""No request of at most 1 MiB holds the loop of the service for long: the mock's hostile requests.

The service also makes models of what is valid, asks who calls, and works.
"""

import gc
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from charter.document import Document
from charter.mock.app import Mock
from charter.runtime import Operation
from tests.charter.mock.requests import Requests
from tests.charter.runtime.hostile import send, watched
from tests.charter.runtime.test_hostile import LARGEST_ANSWER, LONGEST_HOLD, cases_of
from tests.data import DOCUMENT
from tests.people import Person
from tests.promises import contract

ATTEMPTS = 3
"""Of which the best counts: other processes hold the processor as well."""
OPERATIONS = list(contract().operations.values())


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    made = Mock(Document(DOCUMENT).content)
    gc.collect()
    gc.freeze()
    yield made
    gc.unfreeze()


@pytest.mark.parametrize("operation", OPERATIONS, ids=[one.id for one in OPERATIONS])
async def test_no_request_holds_the_loop_of_the_service(
    app: FastAPI, admin: Person, mock: Mock, operation: Operation
) -> None:
    found = []
    for what, arguments in cases_of(mock, Requests(mock.contract), operation):
        longest = 1.0
        for _ in range(ATTEMPTS):
            await admin.log_in()  # or the request before it has ended the session
            shown = (b"authorization", admin.headers["Authorization"].encode())
            asked = arguments | {"headers": [*arguments["headers"], shown]}
            async with watched() as watch:
                status, answer = await send(app, **asked)
            longest = min(longest, watch.longest)
            if longest < LONGEST_HOLD:
                break
        is_long = status >= 400 and len(answer) > LARGEST_ANSWER
        if longest >= LONGEST_HOLD or status == 500 or is_long:
            found.append(f"{what}: {status}, {len(answer)} bytes, {longest * 1000:.0f} ms")

    assert found == []
