"""Schemathesis's configuration is written from the document and the settings."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from charter.contract import configuration
from charter.contract.accounts import Accounts
from charter.contract.api import Api
from charter.contract.settings import FuzzSettings
from tests.charter.contract.library import closed, library

ACCOUNTS = Accounts("a good password", ["root"], ["ada", "bob"], [])


def main(mocked: set[str] | None = None, api: Api | None = None, **settings: Any) -> dict[str, Any]:
    """As Schemathesis reads it."""
    known = api or library()
    table = configuration.main(known, FuzzSettings(**settings), ACCOUNTS, mocked or set())
    return tomllib.loads(configuration.toml(table))


def of(table: dict[str, Any], label: str) -> dict[str, Any]:
    found = (one for one in table["operations"] if one["include-name"] == label)
    return next(found, {})


def values(table: dict[str, Any], label: str, name: str) -> list[str]:
    chosen = of(table, label)["parameters"][name]
    found: list[str] = table["dictionaries"][chosen["dictionary"]]["values"]
    return found


def test_no_operation_is_left_out() -> None:
    assert "enabled" not in [key for one in main()["operations"] for key in one]


def test_the_login_knows_an_account() -> None:
    assert values(main(), "POST /login", "body.username") == ["ada"]
    assert values(main(), "POST /login", "body.password") == ["a good password"]


def test_a_known_member_has_its_value() -> None:
    known = {"join": {"nickname": "{name}", "kind": "{token}"}}

    table = main(known=known)

    assert values(table, "POST /readers", "body.nickname") == ["ada"]
    assert "body.kind" not in of(table, "POST /readers")["parameters"]  # a token is not known yet


def test_notable_texts_are_tried_where_the_schema_admits_them() -> None:
    short = values(main(), "POST /readers", "body.nickname")

    assert "null" in short
    assert all(len(text) <= 4 for text in short)
    assert "admin" in values(main(), "GET /books", "query.title")


@pytest.mark.parametrize("name", ["body.mail", "body.secret", "body.kind"])
def test_notable_texts_are_not_tried_where_the_schema_says_more(name: str) -> None:
    assert name not in of(main(), "POST /readers")["parameters"]


def test_a_stale_change_is_no_failure_where_it_is_declared() -> None:
    checks = of(main(), "PATCH /books/{bookId}")["checks"]

    assert checks["positive_data_acceptance"]["expected-statuses"][-2:] == ["412", "428"]
    assert "checks" not in of(main(), "POST /readers")


def test_an_operation_that_declares_errors_alone_need_not_accept_anything() -> None:
    table = main(api=closed())

    assert "missing_auth" in table["warnings"]["display"]
    for where in ("GET /vault", "GET /wall"):
        assert "missing_auth" not in of(table, where)["warnings"]["display"]
    accepted = of(table, "GET /wall")["checks"]["positive_data_acceptance"]
    assert accepted["expected-statuses"][-1] == "418"


def test_a_mock_need_not_remember() -> None:
    checks = of(main({"DELETE /books/{bookId}"}), "DELETE /books/{bookId}")["checks"]

    assert checks["use_after_free"] == {"enabled": False}
    assert "ignored_auth" not in checks  # generated code judges tokens for it


def test_peers_live_on_and_mocks_have_no_owners() -> None:
    settings = FuzzSettings(ends={"discard": "one"})
    table = configuration.peers(settings, Path("/peers.json"), ["ada", "bob"], {"GET /books"})
    found = tomllib.loads(configuration.toml(table))

    assert found["auth"]["wfc"] == {"path": "/peers.json", "peers": ["ada", "bob"]}
    assert found["operations"] == [
        {"include-operation-id": ["discard"], "enabled": False},
        {"include-name": ["GET /books"], "enabled": False},
    ]


@pytest.mark.parametrize("text", ["plain", 'a "quote"', "back\\slash", "\r\n\x7f\u202e", "😀", "ﬃ"])
def test_every_text_is_the_same_in_toml(text: str) -> None:
    written = configuration.toml({"table": {text: [text, True, 0.5, 3]}})

    assert tomllib.loads(written) == {"table": {text: [text, True, 0.5, 3]}}


def pets() -> Api:
    """A document whose bodies are forms and XML, and whose credentials are tokens or keys."""
    named = {"type": "object", "properties": {"name": {"type": "string"}}}
    with_photos = {"type": "object", "properties": {"photos": {"type": "array", "items": {}}}}
    form, xml = "application/x-www-form-urlencoded", "application/xml"
    bodies = {
        "addPet": {form: named},
        "addPhotos": {form: with_photos},
        "addStock": {xml: named},
        "addShelf": {xml: with_photos},
    }
    paths = {
        f"/{name}": {
            "post": {
                "operationId": name,
                "requestBody": {"content": {kind: {"schema": one} for kind, one in body.items()}},
                "responses": {"200": {"description": "Done."}},
                "security": [{"token": []}, {"key": []}],
            }
        }
        for name, body in bodies.items()
    }
    schemes = {
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    return Api.of(
        {
            "openapi": "3.1.0",
            "info": {"title": "Pets", "version": "1"},
            "paths": paths,
            "components": {"securitySchemes": schemes},
        }
    )


@pytest.mark.parametrize(
    ("label", "is_mocked", "is_judged"),
    [
        ("POST /addPet", False, True),
        ("POST /addPet", True, False),
        ("POST /addPhotos", False, False),
        ("POST /addStock", False, True),
        ("POST /addStock", True, False),
    ],
)
def test_what_a_form_can_not_spell_is_no_failure(
    label: str, *, is_mocked: bool, is_judged: bool
) -> None:
    checks = of(main({label} if is_mocked else set(), pets()), label).get("checks", {})

    off = {"enabled": False}
    assert (checks.get("negative_data_rejection") != off) is is_judged
    assert (checks.get("positive_data_acceptance") != off) is is_judged


def test_what_xml_can_not_spell_need_not_be_refused() -> None:
    checks = of(main(api=pets()), "POST /addShelf")["checks"]

    assert checks == {"negative_data_rejection": {"enabled": False}}


def test_a_mock_may_take_a_key_that_it_can_not_judge() -> None:
    checks = of(main({"POST /addPet"}, pets()), "POST /addPet")["checks"]

    assert checks["ignored_auth"] == {"enabled": False}
