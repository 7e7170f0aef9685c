"""Data of others, each with origin and licence; and where our own files are."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from charter.document import Document

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi" / "openapi.yaml"
"""This project's own."""
GENERATED = ROOT / "generated"

DATA = Path(__file__).parent
CASES = DATA / "cases"
"""Small documents of our own, each with what is right about it: README.md."""
CHANGES = DATA / "changes"
"""Pairs of documents, and what oasdiff says about the changes between them."""
OVERLAYS = DATA / "overlays"
"""Overlays of the specification, and what they make of documents."""
SPECS = DATA / "specs"
"""Real documents; ORIGINS.tsv says of each where it is from."""
LARGE = frozenset(path.name for path in SPECS.iterdir() if path.stat().st_size > 500_000)
"""Those that take as long as all others together."""


def content_of(file: Path) -> Any:
    """The content of a document, whose file is read once in a session: that takes seconds."""
    return json.loads(text_of(file))


@cache
def text_of(file: Path) -> str:
    return json.dumps(Document(file).content)
