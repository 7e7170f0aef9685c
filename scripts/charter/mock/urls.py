"""An address for each operation that can be called as it stands."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from charter.mock.app import Mock
from charter.mock.samples import Impossible
from charter.runtime import Operation
from charter.runtime.paths import TEMPLATE
from charter.runtime.replies import header_text
from charter.runtime.views import Direction


def url(mock: Mock, operation: Operation) -> str:
    """The path with its parameters filled in, and the query parameters that are required."""
    values = {
        (parameter.place, parameter.name): example(mock, f"{operation.place}/parameters/{index}")
        for index, parameter in enumerate(operation.parameters)
        if parameter.place == "path" or (parameter.place == "query" and parameter.required)
    }

    def filled(name: str) -> str:
        return quote(header_text(values.get(("path", name), name)), safe="")

    path = TEMPLATE.sub(lambda match: filled(match[1]), operation.path)
    query = [
        (name, header_text(value)) for (place, name), value in values.items() if place == "query"
    ]
    return f"{path}?{urlencode(query)}" if query else path


def example(mock: Mock, place: str) -> Any:
    """The declared example of a parameter, else a value of its schema."""
    judge = mock.contract.judge
    place = judge.locate(place)
    node = judge.at(place)
    if "example" in node:
        return node["example"]
    for one in node.get("examples", {}).values():
        shown = judge.resolve(one)
        if isinstance(shown, Mapping) and "value" in shown:
            return shown["value"]
    if "schema" not in node:
        return node["name"]
    try:
        return mock.answers.values.example(f"{place}/schema", Direction.REQUEST)
    except Impossible:
        return node["name"]
