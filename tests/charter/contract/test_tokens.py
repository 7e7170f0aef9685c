"""What a login says of its token is held against the token."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from charter.contract.probes import Client
from charter.contract.probes.tokens import last_as_long_as_they_say
from tests.charter.contract.library import operation
from tests.charter.contract.test_probes import subject
from tests.serving import serving

LATER = "POST /login answered another expires_in than its token has"


@pytest.mark.parametrize(
    ("claims", "expires_in", "findings"),
    [
        ({"iat": 0, "exp": 900}, 900, []),
        ({"exp": 900}, 900, []),
        ({"iat": -500, "exp": 400}, 400, []),  # handed out again
        ({"iat": -500, "exp": 400}, 900, []),
        ({"iat": -500, "exp": 400}, 3600, [LATER]),
        ({"iat": 0, "exp": 900}, 9000, [LATER]),
        ({"iat": "today", "exp": 900}, 900, []),
        ({"iat": "today", "exp": 900}, 9000, [LATER]),
        ({"iat": 0, "exp": "tomorrow"}, 900, []),
        ({"iat": 0, "exp": None}, 900, []),
        ({"iat": 0, "exp": 900}, "soon", []),
    ],
)
def test_a_token_lasts_as_long_as_its_login_says(
    claims: Mapping[str, Any], expires_in: Any, findings: list[str], tmp_path: Path
) -> None:
    """Of the claims, numbers are seconds from now."""

    async def log_in(request: Request) -> Response:
        now = int(time.time())
        times = {name: now + one if isinstance(one, int) else one for name, one in claims.items()}
        token = jwt.encode(times, "x" * 64, "HS256")
        return JSONResponse({"access_token": token, "expires_in": expires_in})

    app = Starlette(routes=[Route("/login", log_in, methods=["POST"])])
    with serving(app, lifespan="off") as base_url:
        client = Client(subject(base_url, tmp_path))
        assert list(last_as_long_as_they_say(client, operation("enter"))) == findings
