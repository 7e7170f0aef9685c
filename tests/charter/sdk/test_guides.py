"""The guides for client teams, run word for word, but for the address of the service."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.charter.sdk.clients import mypy, node, python, python_client, tsc, typescript_client
from tests.data import DOCUMENT, ROOT

ADDRESS = "http://127.0.0.1:8000"


def blocks(guide: str, language: str) -> str:
    text = (ROOT / "docs" / guide).read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, guide
    return "\n".join(found)


def test_the_python_guide(service: str, tmp_path: Path) -> None:
    folder = python_client(DOCUMENT, tmp_path)
    (folder / "guide.py").write_text(blocks("sdk-python.md", "python").replace(ADDRESS, service))

    mypy("charter_client", "guide.py", cwd=folder)
    said = python("guide.py", cwd=folder).splitlines()

    assert re.fullmatch(r"Welcome, \w+@example\.com\.", said[0])
    assert said[1:3] == ["True", "2 True"]
    assert said[3:8] == [f"Telescope {number} True" for number in range(5)]
    assert said[8:12] == [
        "None 2",
        "412 The item has changed since you fetched it.",
        "['/title']",
        "True",
    ]
    assert re.fullmatch(rf"POST {service}/auth/token: 200 in \d+ ms", said[12])
    assert re.fullmatch(rf"GET {service}/items: 200 in \d+ ms", said[13])
    assert said[14:] == [
        "True 1",
        "A brass telescope",
        *titles(reversed(range(5))),
        "created An orrery",
    ]


def test_the_typescript_guide(service: str, tmp_path: Path) -> None:
    folder = typescript_client(DOCUMENT, tmp_path)
    text = blocks("sdk-typescript.md", "typescript").replace(ADDRESS, service)
    (folder / "guide.ts").write_text(text)

    tsc(folder)

    assert node("guide.js", cwd=folder).splitlines() == [
        "true",
        "true",
        "2 true",
        *titles(range(5)),
        "null A brass telescope",
        "412 The item has changed since you fetched it.",
        "/title",
        "true true",
        "POST 200",
        "GET 200",
        "created An orrery",
    ]


def titles(numbers: Iterable[int]) -> list[str]:
    return [f"Telescope {number}" for number in numbers]
