from uuid import uuid4

from tests.people import Person


async def test_a_created_item_is_there(ada: Person) -> None:
    created = await ada.post("/items", json={"title": "A brass telescope"})

    found = await ada.get(created.headers["Location"])

    assert found.json() == created.json()
    assert found.headers["ETag"] == created.headers["ETag"] == '"1"'


async def test_an_item_of_somebody_else_does_not_exist(ada: Person, grace: Person) -> None:
    item = await ada.create_item()

    theirs = await grace.get(f"/items/{item['id']}")
    nobodys = await grace.get(f"/items/{uuid4()}")

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
