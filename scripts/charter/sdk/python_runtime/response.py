"""What is left of a response once its body is decoded."""

from dataclasses import dataclass, field

import httpx2


@dataclass(frozen=True)
class Response:
    status: int
    headers: httpx2.Headers = field(repr=False)
    method: str
    path: str
    """Of the request, without its query, which may hold secrets."""

    @classmethod
    def of(cls, response: httpx2.Response) -> "Response":
        request = response.request
        return cls(response.status_code, response.headers, request.method, request.url.path)
