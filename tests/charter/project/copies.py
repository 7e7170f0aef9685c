"""Copies of this project for tests that change one, with parts of other documents added."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from charter.document import Document
from tests.charter.command_line import charter_in
from tests.data import ROOT

COPIED = ("openapi", "generated", "impl", "alembic", "pyproject.toml")
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", ".data")

OURS = 'known-first-party = ["charter"]'
SETTINGS = (
    (', "scripts/charter", "scripts/dev", "tests"]', "]"),
    (
        'known-third-party = ["alembic"]',
        f'known-third-party = ["alembic"]\n{OURS}',
    ),
    ('mypy_path = ["scripts"]\n', ""),
)
OF_THE_TOOL = '[[tool.importlinter.contracts]]\nname = "Imports run downwards in the tool"'
"""What a project has in its pyproject.toml otherwise, which holds no copy of the tool."""


def copied(folder: Path) -> Path:
    """The service of this repository, without its tests and tools."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=UNWANTED)
        else:
            shutil.copy2(source, folder / name)
    settings = folder / "pyproject.toml"
    text = settings.read_text()
    for ours, theirs in SETTINGS:
        assert ours in text
        text = text.replace(ours, theirs)
    linted = text.index(
        '[[tool.importlinter.contracts]]\nname = "Imports run downwards in the tool'
    )
    settings.write_text(text[:linted])
    return folder


def add(folder: Path, *parts: Mapping[str, Any]) -> None:
    """Add paths, components and tags to the copy's document, and generate."""
    file = folder / "openapi" / "openapi.yaml"
    content = Document(file).content
    for part in parts:
        content["paths"] |= part.get("paths", {})
        for kind, members in part.get("components", {}).items():
            content["components"][kind] = members | content["components"].get(kind, {})
        names = {tag["name"] for tag in content["tags"]}
        content["tags"] += [tag for tag in part.get("tags", ()) if tag["name"] not in names]
    file.write_text(yaml.dump(content, sort_keys=False, allow_unicode=True, width=100))
    generate(folder)


def generate(folder: Path) -> None:
    done = charter_in(folder, "generate")
    assert done.returncode == 0, done.stderr
