"""What clients do by themselves, on a service that fails in all the ways they have to cope with.

The programs say it: `programs/shop_journey.py` and `programs/shop_journey.ts`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from charter.document import Document
from charter.runtime.normal import normal
from charter.sdk import command
from charter.sdk.packages import package
from charter.sdk.reading import read
from tests.charter.sdk.clients import (
    SHOP,
    mypy,
    node,
    python,
    python_client,
    serving,
    tsc,
    typescript_client,
)

WELL = "the journey ended well\n"


@pytest.fixture
def shop() -> Iterator[str]:
    with serving("-m", "tests.charter.sdk.shop") as base_url:
        yield base_url


def test_a_python_client_copes(shop: str, tmp_path: Path) -> None:
    folder = python_client(SHOP, tmp_path, "shop_journey.py")

    mypy("shop_client", "shop_journey.py", cwd=folder)

    assert python("shop_journey.py", shop, cwd=folder) == WELL


def test_a_typescript_client_copes(shop: str, tmp_path: Path) -> None:
    folder = typescript_client(SHOP, tmp_path, "shop_journey.ts")

    tsc(folder)

    assert node("shop_journey.js", shop, cwd=folder) == WELL


def test_a_type_checker_and_an_editor_show_what_is_deprecated(tmp_path: Path) -> None:
    folder = python_client(SHOP, tmp_path)
    (folder / "program.py").write_text(
        '# mypy: enable-error-code="deprecated"\nfrom shop_client import Client\n\n'
        "def change(client: Client) -> None:\n    client.orders.update('1', note='hot')\n"
    )

    with pytest.raises(AssertionError, match=r"program.py:5: error: function .* is deprecated"):
        mypy("program.py", cwd=folder)

    render = command.LANGUAGES["typescript"].render
    read_shop = read(normal(Document(SHOP).content), command.LANGUAGES["typescript"].taken)
    files = render(read_shop, package(None, read_shop.title))
    typescript = "".join(files.values())
    assert "@deprecated Deprecated since 2026-06-01, until 2099-01-31: see https" in typescript
    assert "x_debug_token: Deprecated until 2099-01-31: Use your own log." in "".join(
        path.read_text() for path in folder.rglob("orders.py")
    )
    assert "Deprecated until 2099-01-31: Use your own log." in typescript
