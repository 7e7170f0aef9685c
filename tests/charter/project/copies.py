"""Copies of this project for tests that change one, with parts of other documents added."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from charter.document import Document
from charter.generate import command
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
"""What a project has in its pyproject.toml otherwise, which holds no copy of the tool."""
OF_THE_TOOL = '[[tool.importlinter.contracts]]\nname = "Imports run downwards in the tool"'
"""Where its pyproject.toml begins to speak of the tool."""


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
    settings.write_text(text[: text.index(OF_THE_TOOL)])
    return folder


def add(folder: Path, *parts: Mapping[str, Any]) -> None:
    """Add paths, components and tags to the copy's document, and generate."""
    content = Document(folder / "openapi" / "openapi.yaml").content
    for part in parts:
        content["paths"] |= part.get("paths", {})
        for kind, members in part.get("components", {}).items():
            content["components"][kind] = members | content["components"].get(kind, {})
        names = {tag["name"] for tag in content["tags"]}
        content["tags"] += [tag for tag in part.get("tags", ()) if tag["name"] not in names]
    rewrite(folder, content)


def rewrite(folder: Path, content: Any) -> None:
    """Another content of the document, and what is generated from it."""
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    (folder / "openapi" / "openapi.yaml").write_text(text)
    generate(folder)


def generate(folder: Path) -> None:
    document, out = folder / "openapi" / "openapi.yaml", folder / "generated"
    assert command.run(document=document, out=out) == 0
