"""What a generated stub takes from its request: read, judged by the document, then typed."""

from collections.abc import AsyncIterator, Callable
from inspect import signature
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from .bodies import Body, Items
from .explain import first, unrepresentable
from .faults import Fault, InvalidRequest
from .parameters import ParameterReader
from .references import pointer

Inputs = dict[str, Any]
"""The keyword arguments of a service's method."""

NOT_FROM_THE_REQUEST = ("self", "principal")


class RequestReader:
    """Reads what a request says to one operation, and judges it.

    Raises RequestRefused.
    """

    def __init__(
        self,
        operation_id: str,
        refusal_status: int,
        parameters: ParameterReader,
        body: Body | None,
    ) -> None:
        self.operation_id = operation_id
        self.refusal_status = refusal_status
        self.parameters = parameters
        self.body = body
        self.places = [(item.place, item.name) for item in parameters.parameters]
        """Where the values come from, the body last."""
        if body is not None:
            self.places.append(("body", ""))

    async def read(self, request: Request) -> list[Any]:
        """One value for each of the places: JSON's own types, and bytes for what is no text."""
        violations: list[Fault] = []
        values = self.parameters.read(request, violations)
        if self.body is not None:
            values.append(await self.body.read(request, violations))
        if violations:
            self.refuse(violations)
        return values

    def refuse(self, violations: list[Fault]) -> NoReturn:
        raise InvalidRequest(self.operation_id, self.refusal_status, first(violations)) from None


class TypedReader:
    """A FastAPI dependency: the keyword arguments of a service's method.

    Raises RequestRefused. It stands behind the authentication in every stub, so that a stranger's
    body is never read.
    """

    def __init__(self, reader: RequestReader, method: Callable[..., Any]) -> None:
        self.reader = reader
        hints = get_type_hints(method)
        names = [name for name in signature(method).parameters if name not in NOT_FROM_THE_REQUEST]
        if len(names) != len(reader.places):
            raise TypeError(f"{reader.operation_id} has changed since its stub was generated")
        self.types = [(name, converter(hints[name])) for name in names]

    async def __call__(self, request: Request) -> Inputs:
        return self._typed(await self.reader.read(request))

    def _typed(self, values: list[Any]) -> Inputs:
        inputs = {}
        for (name, convert), (place, wire_name), value in zip(
            self.types, self.reader.places, values, strict=True
        ):
            try:
                inputs[name] = convert(value)
            except ValidationError as error:
                prefix = pointer(wire_name) if place != "body" else ""
                self.reader.refuse(unrepresentable(place, prefix, error))
        return inputs


def converter(hint: Any) -> Callable[[Any], Any]:
    """Builds a value of the type; what is JSON already passes as it is."""
    if hint in (str, int, bool, float, str | None, int | None, bool | None, float | None):
        return unchanged
    items = [part for part in (hint, *get_args(hint)) if get_origin(part) is AsyncIterator]
    if items:
        return streaming(get_args(items[0])[0], hint)
    return TypeAdapter(hint).validate_python


def streaming(item: Any, hint: Any) -> Callable[[Any], Any]:
    """For a body that may be a sequence of items, each of which becomes of its type."""
    others = [part for part in get_args(hint) if get_origin(part) is not AsyncIterator]
    convert = converter(item)
    otherwise = converter(Union[tuple(others)]) if isinstance(hint, UnionType) else unchanged  # noqa: UP007

    def converted(value: Any) -> Any:
        if not isinstance(value, Items):
            return otherwise(value)
        value.convert = convert
        return value

    return converted


def unchanged(value: Any) -> Any:
    return value
