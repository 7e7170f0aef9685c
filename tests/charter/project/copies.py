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
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc")


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
    for checked in (', "scripts/charter", "scripts/dev", "tests"]', '"charter", "generated"'):
        assert checked in text
    settings.write_text(text.replace(', "scripts/charter", "scripts/dev", "tests"]', "]"))
    return folder


def add(folder: Path, part: Mapping[str, Any]) -> None:
    """Add paths, components and tags to the copy's document."""
    file = folder / "openapi" / "openapi.yaml"
    content = Document(file).content
    for name, paths in part.get("paths", {}).items():
        content["paths"][name] = paths
    for kind, members in part.get("components", {}).items():
        known = content["components"].setdefault(kind, {})
        known.update({name: child for name, child in members.items() if name not in known})
    names = {tag["name"] for tag in content["tags"]}
    content["tags"] += [tag for tag in part.get("tags", ()) if tag["name"] not in names]
    file.write_text(yaml.dump(content, sort_keys=False, allow_unicode=True, width=100))
    generate(folder)


def generate(folder: Path) -> None:
    done = charter_in(folder, "generate")
    assert done.returncode == 0, done.stderr
