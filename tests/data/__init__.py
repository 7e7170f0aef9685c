"""Data that nobody here wrote, each with origin and licence; and where our own files are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi" / "openapi.yaml"
"""This project's own."""
GENERATED = ROOT / "generated"

DATA = Path(__file__).parent
SPECS = DATA / "specs"
"""Real documents; ORIGINS.tsv says of each where it is from."""
