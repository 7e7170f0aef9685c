"""The table of `python -m dev.break_points` fits the code and the page."""

from dev.break_points import TABLE, breaks, holders
from tests.data import ROOT


def test_each_point_is_broken_once() -> None:
    assert [one.point for one in breaks()] == list(holders())


def test_each_break_replaces_what_the_code_holds() -> None:
    stale = [
        f"{one.point}: {one.file}"
        for one in breaks()
        for old, new in one.replace
        if old not in (ROOT / one.file).read_text() or old == new
    ]

    assert stale == [], f"adapt {TABLE.name} to the code"
