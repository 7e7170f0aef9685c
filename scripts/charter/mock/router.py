"""Which operation of a document a request is for, and what it says to it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from charter.runtime import Contract, Operation
from charter.runtime import paths as templates
from charter.runtime.bodies import Items
from charter.runtime.inputs import RequestReader
from charter.runtime.routing import Address


class Router:
    """Finds operations by path and method, the most specific path first."""

    def __init__(self, contract: Contract, known: Collection[str] = ()) -> None:
        """`known` are names in the query that are not the document's."""
        self.contract = contract
        self.known = known
        self.operations: dict[str, dict[str, Operation]] = {}
        """By template key of the path, then by method."""
        for operation in contract.operations.values():
            methods = self.operations.setdefault(templates.template_key(operation.path), {})
            methods[operation.method] = operation
        self.addresses = {
            names: Address(contract, names, known) for names in set(contract.sharing.values())
        }
        self.paths = [
            (templates.pattern(path), path) for path in templates.ordered(self.operations)
        ]
        self.named_patterns = {
            operation.path: templates.named_pattern(operation.path)
            for operation in contract.operations.values()
        }
        self.readers: dict[str, RequestReader] = {}

    def find(self, path: str, method: str) -> Operation | None:
        """What a request means; None where the document has no such path, or not this method."""
        operations = self.methods(path) or {}
        return operations.get(method) or (operations.get("GET") if method == "HEAD" else None)

    def declares(self, path: str) -> bool:
        """Whether the document has this very path, without parameters."""
        return path in self.operations

    def methods(self, path: str) -> Mapping[str, Operation] | None:
        """The operations of the most specific path that a request's fits, by method."""
        for pattern, template_key in self.paths:
            if pattern.fullmatch(path) is not None:
                return self.operations[template_key]
        return None

    async def answer(
        self,
        request: Request,
        operation: Operation,
        attempt: Callable[[Operation], Awaitable[Response]],
    ) -> Response:
        """The answer of the operation, or of another one that has its method and address.

        Raises RequestRefused.
        """
        matched = self.named_patterns[operation.path].fullmatch(templates.requested(request.scope))
        request.scope["path_params"] = matched.groupdict() if matched else {}

        async def attempt_named(name: str) -> Response:
            return await attempt(self.contract.operations[name])

        if operation.id not in self.contract.sharing:
            return await attempt(operation)
        address = self.addresses[self.contract.sharing[operation.id]]
        return await address.answer(request, attempt_named)

    def reader(self, operation: Operation) -> RequestReader:
        if operation.id not in self.readers:
            self.readers[operation.id] = self.contract.reader(operation.id, self.known)
        return self.readers[operation.id]

    async def read(self, request: Request, operation: Operation) -> dict[tuple[str, str], Any]:
        """The validated values of a request, by place and name. Raises RequestRefused."""
        reader = self.reader(operation)
        values = await reader.read(request)
        if values and isinstance(values[-1], Items):
            values[-1] = [item async for item in values[-1]]
        return dict(zip(reader.places, values, strict=True))
