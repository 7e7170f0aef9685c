"""A parameter that is left out has the default that the document declares."""

import pytest

from charter.runtime import Contract


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({"type": "integer", "default": 1}, 1),
        ({"type": "integer", "default": "1"}, 1),
        ({"type": "boolean", "default": "true"}, True),
        ({"type": "string", "default": "1"}, "1"),
        ({"type": ["string", "integer"], "default": "1"}, "1"),
        ({"type": "integer", "default": "many"}, "many"),
    ],
)
def test_a_default_in_quotes_is_what_it_spells(schema: dict[str, object], default: object) -> None:
    page = {"name": "page", "in": "query", "schema": schema}
    responses = {"200": {"description": "The list."}}
    contract = Contract(
        {
            "openapi": "3.1.0",
            "info": {"title": "Lists", "version": "1"},
            "paths": {
                "/list": {
                    "get": {"operationId": "list", "parameters": [page], "responses": responses}
                }
            },
        }
    )

    (parameter,) = contract.operations["list"].parameters

    assert parameter.default == default
    assert type(parameter.default) is type(default)
