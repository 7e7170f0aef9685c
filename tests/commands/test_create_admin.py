"""`python -m impl create-admin`: nobody is promoted with a password not set by the operator."""

import asyncio
import json
import os
import sys
from typing import Any

import httpx2 as httpx

from impl.core.config import Settings
from tests.people import PASSWORD, Person

CHOSEN = "engines-weave-algebra"


async def create_admin(
    settings: Settings, *arguments: str, password: str = CHOSEN
) -> tuple[int, str]:
    """The exit code and what was said to an operator who pipes the password in."""
    return await piped(settings, "--password-stdin", *arguments, password=password)


async def piped(settings: Settings, *arguments: str, password: str = CHOSEN) -> tuple[int, str]:
    """The exit code and what was said, where there is no terminal."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "impl", "create-admin", *arguments),
        env=os.environ
        | {
            "DB_HOST": settings.db_host,
            "DB_PORT": str(settings.db_port),
            "DB_USER": settings.db_user,
            "DB_PASSWORD": settings.db_password.get_secret_value(),
            "DB_NAME": settings.db_name,
            "BCRYPT_ROUNDS": "4",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    said, _ = await program.communicate(f"{password}\n".encode())
    assert program.returncode is not None
    return program.returncode, said.decode()


def events(said: str) -> list[dict[str, Any]]:
    """The lines of the log among what was said."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


async def is_administrator(person: Person) -> bool:
    answer = await person.get("/users/me")
    return answer.status_code == 200 and bool(answer.json()["administrator"])


async def test_a_new_account_administers(client: httpx.AsyncClient, settings: Settings) -> None:
    code, said = await create_admin(settings, "Root@example.com")

    root = Person(client, "", "root@example.com", CHOSEN)
    assert code == 0
    assert (await root.log_in()).status_code == 200
    assert await is_administrator(root)
    logged = events(said)
    assert [event["message"] for event in logged] == ["user_created", "authz_change"]
    me = await root.get("/users/me")
    assert {event["user_id"] for event in logged} == {me.json()["id"]}
    assert "root@" not in json.dumps(logged)


async def test_whoever_registered_the_address_first_is_not_promoted(
    ada: Person, settings: Settings
) -> None:
    code, said = await create_admin(settings, ada.email)

    assert code == 1
    assert "--existing" in said
    assert not await is_administrator(ada)
    assert (await ada.log_in()).status_code == 200


async def test_an_existing_account_is_taken_from_whoever_has_its_password(
    ada: Person, settings: Settings
) -> None:
    code, said = await create_admin(settings, "--existing", ada.email)

    assert code == 0
    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_in()).status_code == 401
    assert (await ada.log_in(password=CHOSEN)).status_code == 200
    assert await is_administrator(ada)
    assert {event["message"]: event["by"] for event in events(said)} == {
        "authz_change": "operator",
        "authn_password_change": "operator",
        "authn_token_revoked": "operator",
    }


async def test_an_account_that_was_deactivated_is_let_in_again(
    ada: Person, admin: Person, settings: Settings
) -> None:
    await admin.patch(f"/users/{ada.id}", json={"active": False})

    _, said = await create_admin(settings, "--existing", ada.email)

    assert "user_reactivated" in {event["message"] for event in events(said)}
    assert (await ada.log_in(password=CHOSEN)).status_code == 200


async def test_an_account_that_is_not_there_is_not_taken_over(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    code, said = await create_admin(settings, "--existing", "nobody@example.com")

    assert code == 1
    assert "nobody@example.com has no account" in said


async def test_what_a_registration_would_refuse_is_a_mistake_in_the_arguments(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    common = await create_admin(settings, "root@example.com", password="password1")
    malformed = await create_admin(settings, "root", password=PASSWORD)

    assert (common[0], malformed[0]) == (2, 2)


async def test_without_a_terminal_the_remedy_is_named(settings: Settings) -> None:
    code, said = await piped(settings, "root@example.com")

    assert code == 2
    assert said == (
        "charter: There is no terminal to ask for the password: pipe it in with --password-stdin.\n"
    )
