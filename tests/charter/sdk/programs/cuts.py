"""Creates items where every connection is cut: none is missing, and none is there twice."""

import asyncio
import sys
from collections import Counter
from uuid import uuid4

from charter_client import AsyncClient, Attempt, Password, Retry

PASSWORD = "correct horse battery"
STUBBORN = Retry(attempts=30, first=0.01, longest=0.05)


async def main(service: str, cut: str, number: int) -> None:
    auth = Password(f"{uuid4().hex}@example.com", PASSWORD)
    attempts: list[Attempt] = []
    async with AsyncClient(service, auth=auth) as steady:
        await steady.users.create(email=auth.username, password=PASSWORD)
        async with AsyncClient(cut, auth=auth, retry=STUBBORN, log=attempts.append) as client:
            places = asyncio.Semaphore(8)

            async def create(title: str) -> None:
                async with places:
                    assert (await client.items.create(title=title)).title == title

            await asyncio.gather(*(create(f"Item {index}") for index in range(number)))
        titles = Counter([item.title async for item in steady.items.list_all(limit=100)])
    assert len(titles) == number
    assert set(titles.values()) == {1}, titles.most_common(3)
    print(sum(one.status is None for one in attempts))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
