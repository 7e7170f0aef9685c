"""What the service of a new project does with its books; copied into the project by a test."""

from tests.people import Person


async def test_a_book_lives_in_the_database(ada: Person) -> None:
    assert (await ada.client.post("/books", json={})).status_code == 401
    assert (await ada.post("/books", json={"title": "", "kind": "novel"})).status_code == 422

    made = await ada.post(
        "/books", json={"title": "Emma", "kind": "novel", "subjects": ["Highbury"]}
    )
    assert made.status_code == 201, made.text
    assert "charter-mock" not in made.headers
    path = made.headers["location"]
    assert (await ada.client.get(path)).json() == made.json()

    changed = await ada.patch(path, json={"pages": 474})
    assert changed.json() == made.json() | {"pages": 474}
    listed = (await ada.client.get("/books", params={"limit": 1})).json()
    assert listed == {"books": [changed.json()], "total": 1}

    assert (await ada.delete(path)).status_code == 204
    assert (await ada.client.get(path)).status_code == 404
