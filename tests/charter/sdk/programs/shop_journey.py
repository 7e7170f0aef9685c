"""All that a client does by itself, on the shop of `shop.yaml`, blocking and awaited."""

import asyncio
import io
import re
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
from shop_client import (
    UNSET,
    ApiKey,
    AsyncClient,
    Attempt,
    Bearer,
    Client,
    ClientCredentials,
    Options,
    Password,
    Retry,
    Upload,
    errors,
    etag_of,
    models,
    response_of,
)

QUICK = Retry(first=0.01, longest=0.05)
ADA = Password("ada", "secret of ada")


def counts(base_url: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = httpx2.get(f"{base_url}/control/counts").json()
    return found


def expire(base_url: str, sessions: str = "") -> None:
    httpx2.post(f"{base_url}/control/expire{sessions}")


DEPRECATED = re.escape(
    "PATCH /orders/{id} is deprecated since 2026-06-01, until 2099-01-31: see https://shop.example/"
)


def versions(client: Client) -> models.Order:
    order = client.orders.create(what="tea", note="mild", class_="first")
    assert (order.what, order.note, order.class_) == ("tea", "mild", "first")
    assert order.made_at == datetime(2026, 11, 27, 8, tzinfo=UTC)
    assert order.payment is UNSET
    assert response_of(order).status == 201

    # what is absent is not sent, null is
    with pytest.warns(DeprecationWarning, match=DEPRECATED):
        changed = client.orders.update(order.id, if_match=order, note="hot")
    assert changed.what == "tea"
    with pytest.warns(DeprecationWarning, match=DEPRECATED):
        assert client.orders.update(order.id, if_match=changed, note=None).note is None
    with (
        pytest.warns(DeprecationWarning, match=DEPRECATED),
        pytest.raises(errors.PreconditionFailed) as late,
    ):
        client.orders.update(order.id, if_match=order, note="late")
    assert late.value.body is not None
    assert late.value.body.detail == late.value.detail == "The order has changed."

    # what has not changed is not sent again
    read = client.orders.get(order.id)
    assert client.orders.get(order.id, if_none_match=read) is read
    with pytest.raises(errors.NotModified) as same:
        client.orders.get(order.id, if_none_match=etag_of(read))
    assert same.value.response.status == 304
    return read


def repetitions(base_url: str, client: Client, order: models.Order) -> None:
    # the answer gets lost, and the order is made once
    client.orders.create(what="luck")
    keys = counts(base_url)["keys"]
    assert keys[-1] == keys[-2] != keys[-3], "a retry has the key of the first attempt"
    client.orders.create(what="cake", idempotency_key="mine")
    assert counts(base_url)["keys"][-1] == "mine"

    # what can't be repeated is not
    with pytest.raises(errors.ConnectionFailed) as lost:
        client.orders.cancel(order.id)
    assert isinstance(lost.value.__cause__, httpx2.TransportError)
    assert counts(base_url)["cancel"] == 1


def orders(base_url: str) -> None:
    log: list[Attempt] = []
    auth = [ADA, ApiKey("open sesame")]
    with Client(base_url, auth=auth, retry=QUICK, log=log.append) as client:
        order = versions(client)

        # a class for the status and for the problem type
        with pytest.raises(errors.SoldOut) as moon:
            client.orders.create(what="moon")
        assert isinstance(moon.value, errors.Conflict)
        assert isinstance(moon.value, errors.ClientError)
        assert moon.value.status == 409

        repetitions(base_url, client, order)
        everything = [one.what for one in client.orders.list_all(limit=2)]
        assert everything == ["tea", "luck", "cake"], everything
        assert len(client.orders.list(limit=2)) == 2

        client.orders.list(x_debug_token="hush", access_token="hush")
        shown = "\n".join(f"{one} {one.headers} {one.url}" for one in log)
        for secret in ("secret of ada", "access-", "refresh-1", "open", "hush", "mine"):
            assert secret not in shown, secret
        assert "authorization" in shown
        assert any(one.number == 2 and one.status == 201 for one in log)


def strangers(base_url: str) -> None:
    with Client(base_url, auth=Bearer("x")) as client, pytest.raises(errors.ApiError) as unknown:
        client.orders.list()
    assert unknown.value.status == 401
    wrong = Password("ada", "wrong")
    with Client(base_url, auth=wrong) as client, pytest.raises(errors.ClientError) as refused:
        client.orders.list()
    assert refused.value.detail == "Refused"
    with Client(base_url, auth=ClientCredentials("robot", "secret")) as robot:
        assert robot.orders.list(limit=1)
    assert counts(base_url)["client_credentials"] == 1
    for address in ("localhost:80", "", "ftp://example.com"):
        with pytest.raises(ValueError, match="base_url"):
            Client(address)


def trouble(base_url: str) -> None:
    with Client(base_url, retry=QUICK, timeout=10) as client:
        for how, least in (("retry-after", 1.0), ("date", 0.5), ("quota", 1.0), ("cut", 0.0)):
            started = time.monotonic()
            assert client.orders.get_unsteady(how=how).attempt == 2, how  # type: ignore[arg-type]
            assert time.monotonic() - started >= least, how
        started = time.monotonic()
        assert client.orders.get_unsteady(how="slow", options=Options(timeout=0.2)).attempt == 2
        assert time.monotonic() - started < 3
        with pytest.raises(errors.ServiceUnavailable, match=r"Come back tomorrow\."):
            client.orders.get_unsteady(how="long")
        assert counts(base_url)["long"] == 1, "a day was not waited for"
        with pytest.raises(errors.ServerError) as page:
            client.orders.get_unsteady(how="html")
        assert (page.value.status, page.value.body, page.value.json) == (500, None, None)
        with pytest.raises(errors.InvalidResponse, match="/attempt: str instead of int"):
            client.orders.get_unsteady(how="wrong")


def files(base_url: str, folder: Path) -> None:
    big = folder / "big.bin"
    big.write_bytes(b"0123456789" * 100_000)
    with Client(base_url) as client:
        for content in (b"abc", io.BytesIO(b"abc"), Upload(b"abc", "a.txt", "text/plain")):
            got = client.files.upload(
                file=content,
                label="caf\u00e9",
                more=["x", "y"],
                about=models.UploadFileBodyAbout(pages=3),
            )
            assert got.size == 3
            assert got.fields == {
                "label": ["caf\u00e9"],
                "more": ["x", "y"],
                "about": ['{"pages": 3}'],
            }
        assert client.files.upload(file=big, label="").name == "big.bin"
        assert client.files.put_raw(content=big).size == 1_000_000
        with big.open("rb") as opened:
            opened.seek(5)
            assert client.files.put_raw(content=opened).size == 1_000_000
        assert client.files.download() == big.read_bytes()
        assert b"".join(client.files.download_stream()) == big.read_bytes()


def feeds(base_url: str) -> None:
    with Client(base_url) as client:
        events = list(client.feed.watch_events())
        assert [(one.id, one.event, one.data.id) for one in events] == [
            ("1", "order", "1"),
            ("2", "message", "2"),
        ]
        assert events[1].data.what == "caf\u00e9 \u2028 bar"
        assert isinstance(events[0].data.payment, models.Card)
        assert [one.what for one in client.feed.export_lines()] == ["tea", "a\u2028b"]
        for _ in client.feed.watch_events():
            break  # the connection is given back


async def together(base_url: str) -> None:
    """20 calls at once with one token that has expired: one refresh, or one log-in."""
    async with AsyncClient(base_url, auth=ADA, retry=QUICK) as client:
        order = await client.orders.create(what="async")
        for sessions, renewals in (("", (0, 1)), ("?sessions=true", (1, 1))):
            before = counts(base_url)
            expire(base_url, sessions)
            pages = await asyncio.gather(*(client.orders.list(limit=1) for _ in range(20)))
            assert all(len(page) == 1 for page in pages)
            after = counts(base_url)
            made = tuple(after[one] - before.get(one, 0) for one in ("password", "refresh_token"))
            assert made == renewals, (sessions, made)
        read = await client.orders.get(order.id)
        assert await client.orders.get(order.id, if_none_match=read) is read
        assert [one.what async for one in client.orders.list_all(limit=2)][-1] == "async"
        expire(base_url)
        rows = []
        async for row in client.orders.list_all(limit=1):
            rows.append(row.what)
            expire(base_url)  # in the middle of it
        assert rows[-1] == "async"
        got = await client.files.put_raw(content=io.BytesIO(b"0" * 200_000))
        assert got.size == 200_000
        assert len(b"".join([chunk async for chunk in client.files.download_stream()])) == 200_000
        assert [one.data.id async for one in client.feed.watch_events()] == ["1", "2"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.orders.get_unsteady(how="slow-again")
        assert (await client.orders.list(limit=1))[0].id, "a cancelled call harms no other"


def threads(base_url: str) -> None:
    with Client(base_url, auth=ADA, retry=QUICK) as client, ThreadPoolExecutor(20) as pool:
        client.orders.list()
        before = counts(base_url)
        expire(base_url)
        assert all(pool.map(lambda _: client.orders.list(limit=1), range(20)))
        after = counts(base_url)
        assert after["refresh_token"] == before.get("refresh_token", 0) + 1
        assert after["password"] == before["password"]


def main(base_url: str) -> None:
    assert models.Invoice(kind="invoice", due=date(2026, 1, 2)).due == date(2026, 1, 2)
    orders(base_url)
    strangers(base_url)
    with TemporaryDirectory() as folder:
        files(base_url, Path(folder))
    feeds(base_url)
    trouble(base_url)
    threads(base_url)
    asyncio.run(together(base_url))
    print("the journey ended well")


if __name__ == "__main__":
    main(sys.argv[1])
