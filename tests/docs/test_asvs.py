"""docs/asvs.md names points that there are, and tells what holds from what doesn't."""

import re

from tests.data import ROOT
from tests.docs.test_security_index import rows

ROW = re.compile(r"^\| ([0-9.]+)[^|]*\| ([0-9, ]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
POINT = re.compile(r"\b[A-Z]{3,4}-[0-9]+\b")
VERDICTS = {"holds", "partly", "**doesn't hold**", "don't apply", "Deployment"}


def assessed() -> list[tuple[str, str, str, str]]:
    """Requirement, level, verdict, and what holds it."""
    return ROW.findall((ROOT / "docs" / "asvs.md").read_text())


def test_what_holds_is_held_by_a_point_or_by_words() -> None:
    known = {point for point, _ in rows()}

    unheld = [
        requirement
        for requirement, _, verdict, by in assessed()
        if verdict in ("holds", "partly") and not POINT.search(by) and "Document:" not in by
    ]
    unknown = {point for *_, by in assessed() for point in POINT.findall(by)} - known

    assert len(assessed()) > 160
    assert unheld == []
    assert unknown == set()


def test_each_requirement_has_one_verdict() -> None:
    verdicts = [verdict for _, _, verdict, _ in assessed()]
    numbers = [requirement for requirement, *_ in assessed()]

    assert set(verdicts) <= VERDICTS
    assert len(numbers) == len(set(numbers))
