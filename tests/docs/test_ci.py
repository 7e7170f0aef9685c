"""The files for continuous integration can be read, and name verbs and options that are there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from charter.cli import app

FOLDER = Path(__file__).parents[2] / "docs" / "ci"
FILES = sorted(FOLDER.iterdir())


def verbs() -> Any:
    return get_command(app).commands  # type: ignore[attr-defined]


def lines(file: Path) -> list[tuple[str, list[str]]]:
    """Each call of charter: its verb and its options."""
    called = re.findall(
        r"(?:^|[\s:\"'-])charter ([a-z]+)((?: +(?:--)?[\w./:$\"-]+)*)", text_of(file)
    )
    return [(verb, re.findall(r"--[a-z-]+", rest)) for verb, rest in called]


def text_of(file: Path) -> str:
    """Without comments and names."""
    kept = (line.partition(" #")[0] for line in file.read_text().splitlines())
    return "\n".join(line for line in kept if not line.lstrip().startswith(("#", "name:")))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_can_be_read(file: Path) -> None:
    read = json.loads if file.suffix == ".json" else yaml.safe_load

    assert isinstance(read(file.read_text()), dict)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_verbs_and_options_are_there(file: Path) -> None:
    called = lines(file)

    assert called
    for verb, options in called:
        assert verb in verbs(), verb
        known = {name for parameter in verbs()[verb].params for name in parameter.opts}
        assert set(options) <= known, (verb, options)


def test_the_page_names_every_file() -> None:
    page = FOLDER.with_suffix(".md").read_text()

    assert all(f"](ci/{file.name})" in page for file in FILES)
