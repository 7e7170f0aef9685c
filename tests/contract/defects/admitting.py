"""What is let in, and what is refused."""

from typing import Any

from starlette.responses import Response

from charter.runtime.bodies import Body
from charter.runtime.layers import Methods
from charter.runtime.parameters import ParameterReader
from impl.core import problems
from impl.services.users import UserService
from tests.contract.defects.planting import defect, instead_of


@defect
def a_body_is_not_judged() -> None:
    @instead_of(Body, "read")
    async def read(original: Any, self: Body, request: Any, found: list[Any]) -> Any:
        value = await original(self, request, found)
        found.clear()
        return value


@defect
def an_unknown_parameter_is_let_in() -> None:
    pass_over("is not an allowed parameter")


@defect
def a_parameter_of_another_type_is_let_in() -> None:
    pass_over("not of type")


def pass_over(words: str) -> None:
    """Of what is wrong with the parameters."""

    @instead_of(ParameterReader, "read")
    def read(original: Any, self: ParameterReader, request: Any, found: list[Any]) -> list[Any]:
        values = original(self, request, found)
        found[:] = [fault for fault in found if words not in fault.detail]
        return values


@defect
def valid_data_is_refused() -> None:
    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        if body.full_name is not None and not body.full_name.isascii():
            raise problems.UnfitPassword("/full_name", "is not ASCII")
        return await original(self, body=body, **rest)


@defect
def an_undeclared_method_is_answered() -> None:
    @instead_of(Methods, "refusal")
    def refusal(original: Any, self: Methods, method: str, declared: Any) -> Any:
        is_put = method == "PUT"
        return Response(status_code=200) if is_put else original(self, method, declared)


@defect
def a_method_is_missing_from_allow() -> None:
    @instead_of(Methods, "refusal")
    def refusal(original: Any, self: Methods, method: str, declared: Any) -> Any:
        return original(self, method, declared[:1])
