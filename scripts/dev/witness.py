"""A mock that tells what it did with a request, for those that compare it with something else."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from charter.mock.app import Mock
from charter.runtime import Fault, Operation


class Witness(Mock):
    """Keeps whether the last request was accepted, and else why not."""

    accepted = False
    reasons: Sequence[str] = ()

    async def answer(self, *arguments: Any) -> Response:
        self.accepted = True
        return await super().answer(*arguments)

    def refuse(
        self, request: Request, operation: Operation, status: int, detail: str, **rest: Any
    ) -> Response:
        faults: Sequence[Fault] = rest.get("faults", ())
        self.reasons = sorted({fault.rule or fault.detail for fault in faults}) or [detail]
        return super().refuse(request, operation, status, detail, **rest)
