"""What a client team writes with the generated SDK: typed, authenticated, refreshing, paging.

Run as a program with the base URL of a service; `test_sdk` type-checks it with the SDK, too.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Generator
from uuid import uuid4

import httpx  # which the generated client is made of
from charter_client import AuthenticatedClient, Client
from charter_client.api.items import create_item, get_item, list_items, update_item
from charter_client.api.users import create_user, get_me
from charter_client.models import Item, ItemCreate, ItemPage, ItemPatch, Problem, User, UserCreate
from charter_client.types import UNSET, Unset

PASSWORD = "correct horse battery"


class PasswordAuth(httpx.Auth):
    """Logs in when it has to, and refreshes before the access token ends."""

    requires_response_body = True

    def __init__(self, token_url: str, username: str, password: str) -> None:
        self.token_url = token_url
        self.credentials = {"grant_type": "password", "username": username, "password": password}
        self.access_token = self.refresh_token = ""
        self.expires_at = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self.expires_at:
            grant = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
            if not (self.refresh_token and (yield from self.exchange(grant))):
                yield from self.exchange(self.credentials)
        request.headers["Authorization"] = f"Bearer {self.access_token}"
        yield request

    def exchange(self, form: dict[str, str]) -> Generator[httpx.Request, httpx.Response, bool]:
        response = yield httpx.Request("POST", self.token_url, data=form)
        if response.status_code != 200:
            return False
        tokens = response.json()
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.expires_at = time.monotonic() + tokens["expires_in"] - 10
        return True


async def all_items(client: AuthenticatedClient, limit: int) -> AsyncIterator[Item]:
    cursor: str | Unset = UNSET
    while True:
        page = await list_items.asyncio(client=client, cursor=cursor, limit=limit)
        assert isinstance(page, ItemPage), page
        for item in page.data:
            yield item
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


async def travel(base_url: str) -> None:
    email = f"{uuid4().hex}@example.com"
    stranger = Client(base_url=base_url)
    account = UserCreate(email=email, password=PASSWORD)
    assert isinstance(await create_user.asyncio(client=stranger, body=account), User)
    auth = PasswordAuth(f"{base_url}/auth/token", email, PASSWORD)
    arguments = {"auth": auth}
    async with AuthenticatedClient(base_url=base_url, token="", httpx_args=arguments) as client:
        me = await get_me.asyncio(client=client)
        assert isinstance(me, User)
        assert me.full_name is None
        for number in range(5):
            body = ItemCreate(title=f"Item {number}", description="to be forgotten")
            assert isinstance(await create_item.asyncio(client=client, body=body), Item)
        old, auth.expires_at = auth.access_token, 0.0
        items = [item async for item in all_items(client, limit=2)]
        assert len({item.id for item in items}) == 5
        assert auth.access_token != old, "the token was not refreshed"
        patch = ItemPatch(description=None)
        changed = await update_item.asyncio(items[0].id, client=client, body=patch, if_match='"1"')
        assert isinstance(changed, Item)
        assert changed.description is None
        assert changed.title == items[0].title
        missing = await get_item.asyncio(uuid4(), client=client)
        assert isinstance(missing, Problem)
        assert missing.status == 404
    print("the journey ended well")


if __name__ == "__main__":
    asyncio.run(travel(sys.argv[1]))
