"""Real documents, which nobody here wrote: every operation of each answers as it says."""

import json
from pathlib import Path

import pytest

from charter.document import Document
from charter.document.checks import check
from charter.mock.answers import status_of
from charter.mock.app import Mock
from charter.mock.memory import Memory
from charter.runtime.paths import template_key
from tests.charter.command_line import each
from tests.charter.mock.requests import Requests, client_of, faults, meant
from tests.data import CASES, DOCUMENT, SPECS, content_of

OWN = DOCUMENT
NO_DOCUMENT = {"ORIGINS.tsv", "swagger20-petstore-expanded.yaml"}
"""The list of them, and the one of Swagger 2.0."""
FILES = [
    OWN,
    *(file for file in sorted(SPECS.glob("*")) if file.name not in NO_DOCUMENT),
]

EXCEPTIONS = {
    "quirks_entirelyIncompatibleAllOf": "its body must be a string and an integer at once",
    "quirks_partiallyUsableIncompatibleAllOf": "its body must be a string and an integer at once",
    "postAnythingMutualTLS": "it asks for a client's certificate, which needs TLS",
}
"""Operations that nobody can call here, and why."""


EXAMPLES_ELSEWHERE = {
    "q01-example-file": {"n": 3},
    "q02-example-file-whole": {"n": 3},
    "q03-example-component": {"n": 3},
    "q04-example-in-response-file": {"n": 3},
    "q05-example-same-file": {"n": 3},
    "p27-external-everything": {"n": 3, "kids": []},
}


@pytest.mark.parametrize("case", EXAMPLES_ELSEWHERE)
async def test_an_example_in_another_file_is_answered(case: str) -> None:
    document = Document(CASES / case / "openapi.yaml")
    check(document)

    async with client_of(Mock(document.content)) as client:
        answer = await client.get("/x", params={"lim": 1} if case.startswith("p27") else {})

    assert (answer.status_code, answer.json()) == (200, EXAMPLES_ELSEWHERE[case])
    assert ".yaml" not in json.dumps(document.content)


def test_the_real_documents_are_there() -> None:
    if not SPECS.is_dir():
        pytest.skip(f"the real documents are not at {SPECS}: only our own is tried")
    assert len(FILES) > 20


@pytest.mark.parametrize("file", each(*FILES))
async def test_every_operation_answers_a_valid_request_as_it_promises(file: Path) -> None:
    mock = Mock(content_of(file))
    requests = Requests(mock.contract)

    wrong = {}
    async with client_of(mock) as client:
        for operation in mock.contract.operations.values():
            if operation.id in EXCEPTIONS:
                continue
            answer = await client.send(requests.of(operation))
            if answer.status_code not in {
                status_of(one.success) for one in meant(mock.contract, operation)
            }:
                wrong[operation.id] = f"{answer.status_code} {answer.text[:300]}"
            elif found := faults(mock.contract, operation, answer):
                wrong[operation.id] = f"{answer.status_code} {found}"

    assert wrong == {}


@pytest.mark.parametrize("file", each(*FILES))
async def test_what_is_remembered_is_shown_as_promised(file: Path) -> None:
    """Three times each operation in turn, so that a list is read after something was created."""
    mock = Mock(content_of(file), memory=Memory())
    requests = Requests(mock.contract)

    wrong = {}
    async with client_of(mock) as client:
        for operation in [*mock.contract.operations.values()] * 3:
            if operation.id in EXCEPTIONS:
                continue
            answer = await client.send(requests.of(operation))
            if answer.status_code == 404 and operation.response_spec(404) is None:
                continue
            if found := faults(mock.contract, operation, answer):
                wrong[operation.id] = f"{answer.status_code} {found} {answer.text[:300]}"

    assert wrong == {}


@pytest.mark.parametrize("file", each(*FILES))
async def test_what_was_created_is_shown_and_changed_as_promised(file: Path) -> None:
    """Each collection, by the identity of what was POSTed last."""
    mock = Mock(content_of(file), memory=(memory := Memory()))
    requests = Requests(mock.contract)
    assert mock.remembering is not None

    wrong = []
    async with client_of(mock) as client:
        for path, resource in mock.remembering.resources.items():
            create = mock.router.operations[template_key(path)].get("POST")
            if path == resource.member or create is None:
                continue
            before = set(memory.collections)
            answers = [(create, await client.send(requests.of(create)))]
            for collection in set(memory.collections) - before:
                identity = next(reversed(memory.collections[collection]), "none")
                for method in ("GET", "PUT", "PATCH", "POST", "GET", "DELETE", "GET"):
                    operation = mock.router.operations[template_key(resource.member)].get(method)
                    if operation is None:
                        continue
                    made = requests.of(operation)
                    made.url = made.url.copy_with(path=f"{collection}/{identity}")
                    answers.append((operation, await client.send(made)))
            for operation, answer in answers:
                if found := faults(mock.contract, operation, answer):
                    wrong.append(f"{operation.id}: {answer.status_code} {found}")

    assert wrong == []
