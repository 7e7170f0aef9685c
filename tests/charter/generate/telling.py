"""A generated service that tells which operation was called, and with what."""

import sys
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes

from charter import runtime
from charter.generate import command
from charter.runtime.dispatch import Dispatch


class Told:
    """Says which of its operations was called, and with what."""

    def __getattr__(self, name: str) -> Any:
        async def answer(principal: object = None, **inputs: Any) -> None:
            raise Called(name, inputs)

        return answer


class Called(Exception):
    pass


def telling(document: Path, folder: Path, package: str, *, dispatches: bool = False) -> FastAPI:
    """`package` is the name of what is generated, which no other test uses."""
    assert command.run(document=document, out=folder / package) == 0
    sys.path.insert(0, str(folder))
    try:
        api = import_module(f"{package}.api")
    finally:
        sys.path.remove(str(folder))
    contract = runtime.Contract.load(folder / package / "openapi.json", body_limit=1000)

    async def authenticate(request: Request, required: SecurityScopes) -> None:
        await contract.credentials(request.scope["route"].operation_id)(request)

    async def provide() -> Told:
        return Told()

    async def tell(request: Request, called: Any) -> JSONResponse:
        name, inputs = called.args
        return JSONResponse({name: {key: str(value) for key, value in inputs.items()}})

    async def refuse(request: Request, refused: Any) -> JSONResponse:
        return JSONResponse({"refused": refused.operation_id}, refused.status)

    app = FastAPI(openapi_url=None)
    app.add_exception_handler(Called, tell)
    app.add_exception_handler(runtime.RequestRefused, refuse)
    given = {"contract": contract, "authenticate": authenticate}
    asked = signature(api.build).parameters
    services = {name: provide for name in asked if name not in given}
    shared = {name: one for name, one in given.items() if name in asked}
    operations = api.build(**shared, **services)
    app.include_router(operations)
    if dispatches:
        app.add_middleware(Dispatch, routes=operations.routes, contract=contract)
    return app
