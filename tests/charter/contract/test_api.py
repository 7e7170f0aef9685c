"""What a fuzzer makes use of is in the document, whatever operations and members are called."""

import json
from typing import Any

import pytest

from charter.contract.api import Api, fuzzed
from charter.contract.checks import complaints, instant, is_same, limit_of
from charter.document import Document
from charter.document.statuses import refusals
from charter.runtime import Contract
from charter.runtime.shapes import Shape
from tests.charter.contract.library import LIBRARY, library, operation


def test_a_token_is_got_where_the_password_flow_says() -> None:
    found = library().token_operation

    assert found is not None
    assert found.id == "enter"


def test_a_flow_of_another_server_is_passed_over() -> None:
    document = Document(LIBRARY).content
    elsewhere = {"tokenUrl": "https://example.com/oauth/token", "scopes": {}}
    schemes = document["components"]["securitySchemes"]
    another = {"type": "oauth2", "flows": {"password": elsewhere}}
    document["components"]["securitySchemes"] = {"another": another} | schemes

    found = Api.of(document).token_operation

    assert found is not None
    assert found.id == "enter"


@pytest.mark.parametrize(("name", "is_secured"), [("browse", True), ("add", True), ("join", False)])
def test_whoever_may_call_is_what_the_security_says(name: str, is_secured: bool) -> None:
    assert library().is_secured(operation(name)) == is_secured


def test_scopes_are_those_of_schemes_that_take_a_token() -> None:
    assert library().scopes(operation("browse")) == [{"books:read"}]
    assert library().known_scopes == {"books:read", "books:count"}


def test_an_operation_that_takes_keys_alone_takes_no_token() -> None:
    api = library()

    assert api.is_bearer("bearer")
    assert api.is_bearer("oauth")
    assert not api.is_bearer("visitors")


@pytest.mark.parametrize(
    ("name", "header", "is_there"),
    [("add", "idempotency-key", True), ("mend", "if-match", True), ("show", "if-match", False)],
)
def test_a_header_is_found_whatever_its_case(name: str, header: str, is_there: bool) -> None:
    assert (library().header(operation(name), header) is not None) == is_there


def test_a_conditional_change_may_be_refused_by_what_its_schemas_admit() -> None:
    assert library().extra_statuses(operation("mend")) == (412, 428)
    assert library().extra_statuses(operation("discard")) == ()


def test_passwords_and_unique_addresses_are_known_by_their_format() -> None:
    assert library().members(operation("join"), "password") == ("secret",)
    assert library().unique_emails(operation("join")) == ("mail",)
    assert library().unique_emails(operation("enter")) == ()


def test_a_merge_patch_is_known_by_its_media_type() -> None:
    assert library().is_merge_patch(operation("mend"))
    assert not library().is_merge_patch(operation("add"))


@pytest.mark.parametrize(
    ("write", "names"), [("add", {"bookId": "id"}), ("mend", {}), ("join", None), ("enter", None)]
)
def test_what_was_written_is_read_where_a_link_or_the_path_leads(
    write: str, names: dict[str, str] | None
) -> None:
    found = library().reader(operation(write))

    assert (found is not None) == (names is not None)
    if found is not None:
        assert (found[0].id, found[1]) == ("show", names)


def test_a_resource_without_links_is_read_at_its_member() -> None:
    api = library()
    responses = api.judge.at(operation("add").place)["responses"]
    del responses["201"]["links"]

    found = api.reader(operation("add"))

    assert found is not None
    assert (found[0].id, found[1]) == ("show", {"bookId": "id"})


def test_a_list_has_its_rows_in_an_envelope_and_its_words_in_the_query() -> None:
    listing = library().listing(operation("browse"))

    assert listing is not None
    assert (listing.envelope, listing.next_cursor) == ("books", "nextCursor")
    assert listing.limit is not None
    assert listing.limit.name == "page_size"
    assert limit_of(listing) == 50


def test_a_filter_is_a_parameter_that_only_the_equal_member_can_mean() -> None:
    listing = library().listing(operation("browse"))

    assert listing is not None
    assert set(listing.filters) == {"lent", "genre"}  # neither any text, nor what no row has


def test_an_order_is_by_a_member_whose_order_no_language_decides() -> None:
    listing = library().listing(operation("browse"))

    assert listing is not None
    assert listing.orders == {"added": ("added", False), "-added": ("added", True)}


def test_an_answer_may_be_the_list_itself() -> None:
    listing = library().listing(operation("hours"))

    assert listing is not None
    assert listing.envelope is None
    assert listing.rows([{"day": "Monday"}]) == [{"day": "Monday"}]
    assert library().listing(operation("count")) is None


OLD, NEW = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "rows", "complaint"),
    [
        ({"page_size": 1}, [{}, {}], "longer than its limit"),
        ({}, [{}] * 11, "longer than its limit"),
        ({"page_size": -1}, [{}], "longer than its limit"),
        ({"page_size": -1}, [], None),
        ({"lent": "true"}, [{"lent": True}, {"lent": False}], "lent was ignored"),
        ({"genre": "prose"}, [{"genre": "verse"}], "genre was ignored"),
        ({"sort": "-added"}, [{"added": OLD}, {"added": NEW}], "not in the order of -added"),
        ({}, [{"added": NEW}, {"added": OLD}], "not in the order of added"),
        ({"sort": "title"}, [{"title": "b"}, {"title": "a"}], None),
        ({"sort": "added", "lent": "false"}, [{"added": OLD, "lent": False}], None),
    ],
)
def test_a_list_that_is_not_what_was_asked_for_is_noticed(
    query: dict[str, Any], rows: list[Any], complaint: str | None
) -> None:
    listing = library().listing(operation("browse"))
    assert listing is not None

    found = complaints(listing, query, rows)

    assert [complaint in one for one in found] == [True] if complaint else not found


@pytest.mark.parametrize(
    ("schema", "found", "sent", "is_kept"),
    [
        ({"format": "date-time"}, "2020-01-01T12:00:00Z", "2020-01-01t13:00:00+01:00", True),
        ({"format": "date-time"}, "2020-01-01T12:00:00Z", "2020-01-01T13:00:00Z", False),
        ({"format": "date-time"}, "2020-01-01T12:00:00Z", "2020-01-01T12:00:00.0000001Z", True),
        ({"format": "email"}, "ada@example.com", "Ada@Example.com", True),
        ({}, "ada", "Ada", False),
        ({}, [1], [1, 2], False),
        ({}, [{"a": 25}], [{"a": 2.5e1}], True),
        ({}, 28507 * 10**80, 2.8507e84, True),
        ({}, 3, 2.5, False),
        ({}, True, 1.0, False),
        ({}, 10**400, 1.0, False),
        ({"properties": {"a": {}}}, {"a": 1, "b": 2}, {"a": 1}, True),
        ({"properties": {"a": {}}}, {"a": 1}, {"a": 1, "b": 2}, True),
        ({"properties": {"a": {}}}, {}, {"a": 1}, False),
        ({"properties": {"a": {}}, "additionalProperties": True}, {}, {"b": 2}, False),
        ({"properties": {"a": {}}, "patternProperties": {"b": {}}}, {}, {"b": 2}, False),
        ({"type": "object"}, {}, {"b": 2}, False),
    ],
)
def test_a_value_is_kept_that_is_read_in_another_spelling(
    schema: dict[str, Any], found: object, sent: object, is_kept: bool
) -> None:
    assert is_same(Shape(library().judge, schema), found, sent) == is_kept


def test_what_spells_no_instant_is_itself() -> None:
    assert instant("tomorrow") == "tomorrow"


def test_the_runtimes_own_refusals_are_declared_where_the_document_says_nothing() -> None:
    api = library()
    document = fuzzed(api.contract)

    added = document["paths"]["/books"]["post"]["responses"]
    assert {"400", "401", "403", "413", "415", "422"} <= added.keys()
    assert "418" not in added
    hours = document["paths"]["/opening-hours"]["get"]["responses"]
    assert hours.keys() == {"200", "422"}
    assert set(refusals(api.contract, operation("hours"))) == {422}


def test_a_path_may_name_nothing_although_the_document_does_not_say_so() -> None:
    document = Document(LIBRARY).content
    for item in document["paths"].values():
        for node in item.values():
            if isinstance(node, dict):
                node["responses"].pop("404", None)

    paths = fuzzed(Contract(document))["paths"]

    assert "404" in paths["/books/{bookId}"]["get"]["responses"]
    assert "404" not in paths["/books"]["get"]["responses"]


def test_the_servers_of_the_document_are_not_the_one_under_test() -> None:
    document = Document(LIBRARY).content
    elsewhere = [{"url": "https://example.com/v1"}]
    document |= {"servers": elsewhere}
    document["paths"]["/books"] |= {"servers": elsewhere}
    document["paths"]["/books"]["get"] |= {"servers": elsewhere}

    assert "example.com" not in json.dumps(fuzzed(Contract(document)))
