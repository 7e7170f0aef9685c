"""What the service of a new project does with its loans; copied into the project by a test."""

import pytest

from tests.people import Person


async def test_a_member_that_only_the_service_says_is_said_by_it(ada: Person) -> None:
    loan = {
        "date": "2026-11-25",
        "metadata": {"shelf": "7"},
        "borrower": {"name": "Emma"},
        "made": "2000-01-01T00:00:00Z",
        "state": "over",
    }
    made = await ada.client.post("/loans", json=loan)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["made"] > "2026"
    said = {"id": shown["id"], "made": shown["made"], "returned": None, "renewed": False}
    assert shown == loan | said | {"state": "open"}

    changed = await ada.client.put(f"/loans/{shown['id']}", json={"id": 7, "date": "2026-11-26"})
    assert changed.json() == said | {"state": "open", "date": "2026-11-26"}

    page = (await ada.client.get("/loans")).json()
    assert page == {"loans": [changed.json()], "meta": {"page": 1, "size": 10, "total": 1}}


@pytest.mark.parametrize("note", ["\0", {"deep": "\0"}])
async def test_what_no_column_holds_is_refused(ada: Person, note: object) -> None:
    loan = {"date": "2026-11-25", "note": note, "metadata": {"note": str(note)}}

    refused = await ada.client.post("/loans", json=loan)
    page = await ada.client.get("/loans", params={"size": 2**63})

    assert (refused.status_code, page.status_code) == (422, 422)
    assert (await ada.client.get("/loans")).json()["loans"] == []
