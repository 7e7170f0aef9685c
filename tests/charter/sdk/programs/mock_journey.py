"""What a client team does with the mock of a service that is not there yet."""

import asyncio
import sys

import httpx2 as httpx
import pytest
from charter_client import AsyncClient, Attempt, Client, Options, Password, Retry, errors


def forget_everything(base_url: str) -> None:
    assert httpx.delete(f"{base_url}/.charter/memory").status_code == 204


def keep_items(base_url: str, auth: Password) -> None:
    with Client(base_url, auth=auth) as client:
        assert [item.title for item in client.items.list_all(limit=1, sort="title")] == [
            "Astrolabe",
            "Barometer",
            "Compass",
        ]
        archived = client.items.list(status="archived")
        assert [item.title for item in archived.data] == ["Compass"]
        item = client.items.create(title="Dial")
        assert client.items.update(item.id, if_match="*", quantity=3).quantity == 3
        client.items.delete(item.id, if_match="*")
        with pytest.raises(errors.NotFound):
            client.items.get(item.id)
    with Client(base_url) as stranger, pytest.raises(errors.Unauthorized):
        stranger.users.get_me()


def outlive_outages(base_url: str, auth: Password) -> None:
    """The first two attempts fail, and the third one makes the item."""
    sent: list[Attempt] = []
    with Client(base_url, auth=auth, log=sent.append, retry=Retry(attempts=3)) as client:
        client.users.get_me()
        sent.clear()
        busy = Options(headers={"Prefer": "fault=503, times=2"})
        item = client.items.create(title="Ellipsograph", options=busy)
        assert [one.status for one in sent] == [503, 503, 201]
        lost = Options(headers={"Prefer": "fault=reset, times=1"})
        assert client.items.get(item.id, options=lost).title == "Ellipsograph"


async def renew_at_once(base_url: str, auth: Password) -> None:
    """The mock forgets all tokens: 20 calls find out together, and one of them logs in."""
    sent: list[Attempt] = []
    async with AsyncClient(base_url, auth=auth, log=sent.append) as client:
        await client.users.get_me()
        forget_everything(base_url)
        sent.clear()
        await asyncio.gather(*(client.users.get_me() for _ in range(20)))
        tokens = [one.status for one in sent if one.url.endswith("/auth/token")]
        assert tokens == [400, 200], tokens


def main(base_url: str) -> None:
    auth = Password("ada@example.com", "correct horse battery")
    keep_items(base_url, auth)
    outlive_outages(base_url, auth)
    asyncio.run(renew_at_once(base_url, auth))
    print("the journey ended well")


if __name__ == "__main__":
    main(*sys.argv[1:])
