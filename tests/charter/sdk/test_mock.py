"""Generated clients on the mock of the document: every declared error is a class of its own."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest

from charter.document import Document
from charter.mock.app import Mock
from charter.mock.memory import Memory
from charter.runtime.normal import normal, operations
from charter.runtime.references import resolve
from charter.sdk.reading import PHRASES
from charter.sdk.words import pascal
from tests.charter.sdk.clients import python_client
from tests.data import DOCUMENT, SPECS

ID = UUID("3f1d6a0e-2f4b-4c58-9a53-b7c0a4a1d6f2")
GRANT = {"grant_type": "password", "username": "ada@example.com", "password": "correct horse"}
PASSWORDS = {"current_password": "correct horse", "new_password": "a ship in port"}
Call = Callable[[Any, Any], Any]


async def first(items: AsyncIterator[Any]) -> Any:
    return await anext(aiter(items))


CALLS: dict[str, Call] = {
    "createToken": lambda client, options: client.auth.create_token(body=GRANT, options=options),
    "revokeToken": lambda client, options: client.auth.revoke_token(token="x", options=options),
    "listSessions": lambda client, options: client.auth.list_sessions(options=options),
    "deleteSessions": lambda client, options: client.auth.delete_sessions(options=options),
    "deleteSession": lambda client, options: client.auth.delete_session(ID, options=options),
    "createUser": lambda client, options: client.users.create(
        email="ada@example.com", password="correct horse", options=options
    ),
    "listUsers": lambda client, options: client.users.list(options=options),
    "getMe": lambda client, options: client.users.get_me(options=options),
    "updateMe": lambda client, options: client.users.update_me(full_name=None, options=options),
    "deleteMe": lambda client, options: client.users.delete_me(options=options),
    "changePassword": lambda client, options: client.users.change_password(
        **PASSWORDS, options=options
    ),
    "getUser": lambda client, options: client.users.get(ID, options=options),
    "updateUser": lambda client, options: client.users.update(ID, active=True, options=options),
    "deleteUser": lambda client, options: client.users.delete(ID, options=options),
    "createItem": lambda client, options: client.items.create(title="x", options=options),
    "listItems": lambda client, options: client.items.list(options=options),
    "getItem": lambda client, options: client.items.get(ID, options=options),
    "replaceItem": lambda client, options: client.items.replace(
        ID, title="x", if_match="*", options=options
    ),
    "updateItem": lambda client, options: client.items.update(
        ID, title="x", if_match="*", options=options
    ),
    "deleteItem": lambda client, options: client.items.delete(ID, if_match="*", options=options),
    "watchItems": lambda client, options: first(client.items.watch(options=options)),
    "getLiveness": lambda client, options: client.health.get_liveness(options=options),
    "getReadiness": lambda client, options: client.health.get_readiness(options=options),
}
"""A valid call of each operation."""

NODES = {node["operationId"]: node for _, _, node in operations(normal(Document(DOCUMENT).content))}
REFUSALS = [
    (operation, int(status))
    for operation, node in NODES.items()
    for status in node["responses"]
    if status >= "400"
]


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated package."""
    yield from imported(DOCUMENT, tmp_path_factory.mktemp("sdk"), "mocked-client")


def imported(document: Path, folder: Path, name: str) -> Iterator[Any]:
    sys.path.insert(0, str(python_client(document, folder, name=name)))
    try:
        yield importlib.import_module(name.replace("-", "_"))
    finally:
        sys.path.pop(0)


@pytest.fixture
async def client(sdk: Any) -> AsyncIterator[Any]:
    """A client of the mock; the values are dynamic, so that no two are alike."""
    mock = Mock(Document(DOCUMENT).content, memory=Memory())
    http = httpx.AsyncClient(transport=httpx.ASGITransport(mock))
    auth, retry = sdk.Bearer("token"), sdk.Retry(attempts=1)
    async with sdk.AsyncClient("http://mock", auth=auth, retry=retry, http=http) as made:
        yield made


def test_all_operations_are_called() -> None:
    assert CALLS.keys() == NODES.keys()


@pytest.mark.parametrize(("operation", "status"), REFUSALS)
async def test_a_refusal_is_of_the_class_of_its_status(
    operation: str, status: int, sdk: Any, client: Any
) -> None:
    options = sdk.Options(headers={"Prefer": f"code={status}"})

    with pytest.raises(sdk.errors.ApiError) as refused:
        await CALLS[operation](client, options)

    expected = getattr(sdk.errors, pascal(PHRASES[str(status)]))
    assert isinstance(refused.value, expected)
    assert refused.value.status == status
    assert refused.value.body is not None
    others = [
        getattr(sdk.errors, pascal(PHRASES[str(one)])) for _, one in REFUSALS if one != status
    ]
    assert not isinstance(refused.value, tuple(set(others)))


async def test_a_problem_type_is_of_its_own_class(sdk: Any, client: Any) -> None:
    document = Document(DOCUMENT).content
    conflict = resolve(document, document["components"]["responses"]["Conflict"])
    examples = conflict["content"]["application/problem+json"]["examples"]
    assert examples.keys() == {"emailTaken"}

    with pytest.raises(sdk.errors.EmailTaken) as refused:
        await CALLS["createUser"](client, sdk.Options(headers={"Prefer": "code=409"}))

    assert isinstance(refused.value, sdk.errors.Conflict)
    assert not isinstance(refused.value, sdk.errors.LastAdministrator)


async def test_a_success_has_the_declared_type(sdk: Any, client: Any) -> None:
    options = sdk.Options(headers={"Prefer": "dynamic=true"})

    assert isinstance(await client.users.get_me(options=options), sdk.models.User)
    assert isinstance(await client.auth.list_sessions(options=options), sdk.models.SessionPage)
    assert await client.auth.delete_sessions(options=options) is None


async def test_what_is_created_can_be_listed_changed_and_deleted(sdk: Any, client: Any) -> None:
    made = await client.items.create(title="A brass telescope", description="Three draws.")
    changed = await client.items.update(made.id, if_match="*", description=None)
    listed = [item async for item in client.items.list_all()]
    await client.items.delete(made.id, if_match="*")

    assert (changed.title, changed.description) == ("A brass telescope", None)
    assert made.id in {item.id for item in listed}
    with pytest.raises(sdk.errors.NotFound):
        await client.items.get(made.id)


# -- styles of parameters -------------------------------------------------------------------------

STYLES = SPECS / "readme31-parameters-style.yaml"
VALUES: dict[str, Any] = {
    "string": "blue",
    "array": ["blue", "black", "brown & co"],
    "object": {"R": 100, "G": 200, "B": 150},
}


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from imported(STYLES, tmp_path_factory.mktemp("styles"), "styled-client")


async def test_a_service_reads_every_style_as_the_client_writes_it(styled: Any) -> None:
    """The mock refuses what it can't read as the document declares it."""
    document = normal(Document(STYLES).content)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(Mock(document)))
    calls = 0
    async with styled.AsyncClient("http://mock", http=http) as client:
        for name in (one for one in vars(client) if not one.startswith("_")):
            resource = getattr(client, name)
            for method in vars(type(resource)).values():
                parameters = getattr(method, "__annotations__", {}).keys() - {"options", "return"}
                if parameters and not method.__name__.startswith("_"):
                    values = {one: VALUES[kind_of(one)] for one in parameters}
                    await method(resource, **values)
                    calls += 1
    assert calls == 25


def kind_of(parameter: str) -> str:
    return next((kind for kind in ("array", "object") if kind in parameter), "string")
