"""The proof and the oracle find what is there, and nothing in a document that is kept."""

from pathlib import Path

import pytest

from charter.document import Document
from charter.mock.router import Router
from charter.runtime import Contract
from dev import compare_with_reference as oracle
from dev import fuzz_documents as proof
from tests.charter.command_line import takes_a_minute

SPECS = proof.SPECS
TICTACTOE = "oai31-tictactoe.yaml"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"the documents that nobody here wrote are not at {SPECS}"
)


def test_schemathesis_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.main([TICTACTOE, "--max-examples", "2"]) == 0

    said = capsys.readouterr().out
    assert "3 operations" in said
    assert "nothing found" in said


def test_schemathesis_is_given_patterns_that_it_reads() -> None:
    content = dict(taking({"type": "string", "pattern": "^{id}$"}).judge.document)

    body = proof.in_force(content)["paths"]["/things"]["put"]["requestBody"]

    assert body["content"]["application/json"]["schema"]["pattern"] == r"^\{id\}$"


def test_only_a_rule_of_the_document_explains_a_finding() -> None:
    document = proof.in_force(Document(SPECS / TICTACTOE).content)
    contract = Contract(document, body_limit=0, check_rate=0, on_violation=print)

    any_token = {"ST401", "API accepts invalid authentication"}
    assert proof.explanation(contract, "GET /board", any_token) is not None
    without_one = {"ST401", "API accepts requests without authentication"}
    assert proof.explanation(contract, "GET /board", without_one) is None
    assert proof.explanation(contract, "GET /board", {"ST201"}) is None


def taking(body: object, answer: object = True, **schemas: object) -> Contract:
    """A document of one operation, `PUT /things`."""
    answers = {"200": {"description": "-", "content": {"application/json": {"schema": answer}}}}
    operation = {
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": answers,
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/things": {"put": operation}},
        "components": {"schemas": schemas},
    }
    return Contract(document, body_limit=0, check_rate=0, on_violation=print)


def vehicle(**kind: object) -> object:
    return {"type": "object", "required": ["kind"], "properties": {"kind": kind}}


@pytest.mark.parametrize(
    ("car", "bike", "is_explained"),
    [
        (vehicle(type="string"), vehicle(type="string"), True),
        (vehicle(const="Car"), vehicle(type="string"), True),
        (vehicle(enum=["Car", "Bike"]), vehicle(const="Bike"), True),
        (vehicle(const="Car"), vehicle(const="Bike"), False),
    ],
)
def test_alternatives_that_a_discriminator_alone_tells_apart_are_explained(
    car: object, bike: object, is_explained: bool
) -> None:
    alternatives = [{"$ref": "#/components/schemas/Car"}, {"$ref": "#/components/schemas/Bike"}]
    either = {"oneOf": alternatives, "discriminator": {"propertyName": "kind"}}
    contract = taking({"type": "array", "items": either}, Car=car, Bike=bike)

    for code in ("ST201", "ST202"):
        assert (proof.explanation(contract, "PUT /things", {code}) is not None) == is_explained


@pytest.mark.parametrize(
    ("required", "parent", "is_explained"),
    [
        (["parent"], {"$ref": "#/components/schemas/Node"}, True),
        (["parent"], {"oneOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]}, False),
        ([], {"$ref": "#/components/schemas/Node"}, False),
    ],
)
def test_an_answer_that_holds_itself_is_explained(
    required: list[str], parent: object, is_explained: bool
) -> None:
    node = {"type": "object", "required": required, "properties": {"parent": parent}}
    contract = taking(True, {"$ref": "#/components/schemas/Node"}, Node=node)

    found = proof.explanation(contract, "PUT /things", {"ST108"})
    assert (found is not None) == is_explained


@pytest.mark.parametrize(
    ("statuses", "is_explained"), [(["503"], True), (["100", "4XX"], True), (["302", "503"], False)]
)
def test_an_operation_that_declares_no_success_is_explained(
    statuses: list[str], is_explained: bool
) -> None:
    document = dict(taking(True).judge.document)
    document["paths"]["/things"]["put"]["responses"] = {
        status: {"description": "-"} for status in statuses
    }
    contract = Contract(document, body_limit=0, check_rate=0, on_violation=print)

    for code in ("ST101", "ST202"):
        assert (proof.explanation(contract, "PUT /things", {code}) is not None) == is_explained


@pytest.mark.parametrize(
    ("other", "is_explained"),
    [
        ({"type": "object", "properties": {"n": {"type": "string", "example": "b"}}}, True),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, False),
    ],
)
def test_an_answer_of_alternatives_that_are_the_same_is_explained(
    other: object, is_explained: bool
) -> None:
    one = {"description": "a", "type": "object", "properties": {"n": {"type": "string"}}}
    contract = taking(True, {"oneOf": [{"$ref": "#/components/schemas/One"}, other]}, One=one)

    found = proof.explanation(contract, "PUT /things", {"ST108"})
    assert (found is not None) == is_explained


@pytest.mark.parametrize(
    ("schema", "is_explained"),
    [
        ({"type": "array", "items": {"type": "string"}, "enum": ["a", "b"]}, True),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, False),
    ],
)
def test_a_parameter_that_admits_nothing_is_explained(schema: object, is_explained: bool) -> None:
    document = dict(taking(True).judge.document)
    parameter = {"name": "n", "in": "query", "schema": schema}
    document["paths"]["/things"]["put"]["parameters"] = [parameter]
    contract = Contract(document, body_limit=0, check_rate=0, on_violation=print)

    found = proof.explanation(contract, "PUT /things", {"ST202"})
    assert (found is not None) == is_explained


@pytest.mark.parametrize(("place", "is_explained"), [("cookie", True), ("query", False)])
def test_what_else_is_in_a_cookie_is_explained(place: str, is_explained: bool) -> None:
    document = dict(taking(True).judge.document)
    parameter = {"name": "n", "in": place, "schema": {"type": "string"}}
    document["paths"]["/things"]["put"]["parameters"] = [parameter]
    contract = Contract(document, body_limit=0, check_rate=0, on_violation=print)

    found = proof.explanation(contract, "PUT /things", {"ST201"})
    assert (found is not None) == is_explained


def test_a_document_that_the_mock_would_refuse_is_not_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
        "paths: {'/{id}/{id}': {get: {responses: {'200': {description: -}}}}}\n"
    )

    assert proof.main([str(file), "--max-examples", "1"]) == 0

    assert "twice.yaml: refused: " in capsys.readouterr().out


@takes_a_minute
def test_the_oracle_agrees_or_the_difference_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert oracle.main(["oai-petstore.yaml", "--max-examples", "2"]) == 0

    assert "differences" in capsys.readouterr().out


def test_a_difference_that_nobody_has_explained_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock that took everything would differ where the oracle refuses."""

    async def take(self: Router, *arguments: object) -> dict[object, object]:
        return {}

    monkeypatch.setattr(Router, "read", take)

    assert oracle.main(["oai-petstore.yaml", "--max-examples", "5"]) == 1

    assert "only the oracle refuses" in capsys.readouterr().out
