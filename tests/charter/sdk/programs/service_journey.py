"""What a client team does with the service of this repository."""

import asyncio
import sys
import time
from uuid import uuid4

import pytest
from charter_client import AsyncClient, Attempt, Client, Password, errors, models, response_of

PASSWORD = "correct horse battery"


def register(base_url: str) -> Password:
    email = f"{uuid4().hex}@example.com"
    with Client(base_url) as stranger:
        user = stranger.users.create(email=email, password=PASSWORD)
        assert (user.email, user.full_name, user.administrator) == (email, None, False)
        assert response_of(user).headers["location"] == f"/users/{user.id}"
        with pytest.raises(errors.EmailTaken) as taken:
            stranger.users.create(email=email, password=PASSWORD)
        assert isinstance(taken.value, errors.Conflict)
        assert isinstance(taken.value.body, models.Problem)
        with pytest.raises(errors.Unauthorized):
            stranger.users.get_me()
        grant = models.PasswordGrant(grant_type="password", username=email, password=PASSWORD)
        assert stranger.auth.create_token(body=grant).token_type == "bearer"
    with Client(base_url, auth=Password(email, "wrong horse")) as wrong:
        with pytest.raises(errors.InvalidGrant) as refused:
            wrong.users.get_me()
        assert isinstance(refused.value, errors.Unauthorized)
    return Password(email, PASSWORD)


def keep_items(base_url: str, auth: Password) -> None:
    with Client(base_url, auth=auth) as client:
        assert client.users.update_me(full_name="Ada").full_name == "Ada"
        assert client.users.update_me(full_name=None).full_name is None
        for number in range(5):
            client.items.create(title=f"Item {number}", description="to be forgotten")
        items = list(client.items.list_all(limit=2, sort="title"))
        assert [item.title for item in items] == [f"Item {number}" for number in range(5)]
        item = client.items.get(items[0].id)
        changed = client.items.update(item.id, if_match=item, description=None)
        assert (changed.description, changed.title) == (None, item.title)
        with pytest.raises(errors.PreconditionFailed):
            client.items.update(item.id, if_match=item, title="Too late")
        with pytest.raises(errors.PreconditionRequired):
            client.items.delete(item.id)
        client.items.replace(item.id, if_match=changed, title="Another", tags=["a", "b"])
        client.items.delete(item.id, if_match="*")
        with pytest.raises(errors.NotFound, match="You have no such item"):
            client.items.get(item.id)
        with pytest.raises(errors.UnprocessableContent) as invalid:
            client.items.list(limit=1000)
        assert invalid.value.body is not None
        assert invalid.value.body.errors[0].pointer == "/limit"
        client.items.create(title="One", idempotency_key="one")
        with pytest.raises(errors.IdempotencyKeyReused):
            client.items.create(title="Two", idempotency_key="one")
        with pytest.raises(errors.Forbidden):
            client.users.list()


def watch_items(base_url: str, auth: Password) -> None:
    with Client(base_url, auth=auth) as client:
        watching = client.items.watch()
        ready = next(watching)
        item = client.items.create(title="Watched")
        created = next(watching)
        assert (ready.event, created.event) == ("ready", "created")
        assert (created.data.item_id, created.data.item) == (item.id, item)
        resumed = client.items.watch(last_event_id=ready.id)
        assert [next(resumed).event, next(resumed)] == ["ready", created]
        client.items.delete(item.id, if_match="*")


async def renew_at_once(base_url: str, auth: Password) -> None:
    """The session is ended elsewhere: 20 calls find out together, and one of them logs in."""
    sent: list[Attempt] = []
    async with (
        AsyncClient(base_url, auth=auth, log=sent.append) as client,
        AsyncClient(base_url, auth=auth) as elsewhere,
    ):
        await client.users.get_me()
        await elsewhere.auth.delete_sessions()
        sent.clear()
        users = await asyncio.gather(*(client.users.get_me() for _ in range(20)))
        assert len({user.id for user in users}) == 1
        tokens = [one.status for one in sent if one.url.endswith("/auth/token")]
        assert tokens == [401, 200], "one refresh, which the service refuses, and one log-in"


def outlive_tokens(base_url: str, auth: Password, seconds: float) -> None:
    """Access tokens that end in the middle of a list."""
    sent: list[Attempt] = []
    with Client(base_url, auth=auth, log=sent.append) as client:
        for _ in client.items.list_all(limit=2):
            time.sleep(seconds)
    refreshes = [one for one in sent if one.url.endswith("/auth/token")]
    assert len(refreshes) >= 3
    assert all(one.status == 200 for one in sent)


def main(base_url: str, seconds: str) -> None:
    auth = register(base_url)
    keep_items(base_url, auth)
    watch_items(base_url, auth)
    asyncio.run(renew_at_once(base_url, auth))
    outlive_tokens(base_url, auth, float(seconds))
    print("the journey ended well")


if __name__ == "__main__":
    main(*sys.argv[1:])
