"""docs/security.md and the tests agree: each point names the tests that hold it.

After a test or a point has changed, write the index anew: python -m tests.docs.test_security_index
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.data import ROOT

PAGE = ROOT / "docs" / "security.md"
HEADING = "\n## Index\n"

ROW = re.compile(r"^\| ([A-Z]+-[0-9]+) \|.*\|([^|]*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[a-z_/]+\.py::test_[a-z0-9_]+)`")


def rows() -> list[tuple[str, str]]:
    """The points in the order of the page, each with the cell "Held by"."""
    return ROW.findall(PAGE.read_text())


@cache
def point_name() -> re.Pattern[str]:
    """A point as names, parameters and comments write it: `ref_1` or `REF-1`."""
    kinds = "|".join({point.partition("-")[0] for point, _ in rows()})
    return re.compile(rf"(?<![a-z0-9])({kinds})[_-]([0-9]+)(?![0-9])", re.IGNORECASE)


def named_points(text: str) -> Iterator[str]:
    for kind, number in point_name().findall(text):
        yield f"{kind.upper()}-{number}"


def sources() -> Iterator[Path]:
    for directory in ("tests", "impl"):
        yield from sorted((ROOT / directory).rglob("*.py"))


def defined_tests() -> Iterator[str]:
    """All tests, as `path::name`."""
    for path in sources():
        if path.name.startswith("test_"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                        if name.startswith("test_"):
                            yield f"{path.relative_to(ROOT).as_posix()}::{name}"


def holders() -> Mapping[str, list[str]]:
    """The tests that hold each point: those named after it, then those that its row names."""
    found = defaultdict(list)
    for test in defined_tests():
        for point in named_points(test.partition("::test_")[2]):
            found[point].append(test)
    for point, cell in rows():
        found[point] += TEST.findall(cell)
    return found


def index() -> str:
    found = holders()
    lines = [HEADING]
    for point, _ in rows():
        lines.append(f"- {point}")
        lines += [f"  - `{test}`" for test in found[point]]
    return "\n".join(lines) + "\n"


def test_a_point_stands_in_the_page_once() -> None:
    often = [point for point, count in Counter(point for point, _ in rows()).items() if count > 1]

    assert rows()
    assert often == []


def test_every_point_is_held_by_a_test() -> None:
    found = holders()

    assert [point for point, _ in rows() if not found[point]] == []


def test_the_index_lists_the_tests_that_hold_each_point() -> None:
    text = PAGE.read_text()

    written = text[text.index(HEADING) :]

    assert written == index(), "run `python -m tests.docs.test_security_index`"


def test_a_test_that_a_point_names_is_there() -> None:
    named = [test for _, cell in rows() for test in TEST.findall(cell)]

    assert sorted(set(named) - set(defined_tests())) == []


def test_a_point_that_the_code_names_is_in_the_page() -> None:
    known = {point for point, _ in rows()}

    unknown = [
        f"{path.relative_to(ROOT)}: {point}"
        for path in sources()
        if path != Path(__file__)
        for point in named_points(path.read_text())
        if point not in known
    ]

    assert unknown == []


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(HEADING)] + index())
