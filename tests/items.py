"""What tests do with items."""

from typing import Any

from tests.people import Person


async def create_item(owner: Person, **fields: Any) -> dict[str, Any]:
    response = await owner.post("/items", json={"title": "A brass telescope"} | fields)
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item
