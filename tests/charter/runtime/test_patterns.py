"""Patterns that ECMA-262 takes for the web's sake mean to the judge what they mean there."""

import jsonschema_rs
import pytest

from charter.runtime.judge import PATTERNS
from charter.runtime.patterns import is_quadratic, strict

# a pattern, what it admits, and what it does not
LENIENT = [
    (r"^{id}$", "{id}", "id"),
    (r"^a{,2}$", "a{,2}", "aa"),
    (r"^\d{3$", "1{3", "123"),
    (r"^{\d{2}}$", "{12}", "12"),
    (r"^[\w-.]+$", "a-.", "/"),
    (r"^[a-\d]$", "-", "b"),
    (r"^[a-z\d-_]+$", "-_a1", "A"),
    (r"^[\p{L}-_]+$", "é-_", "1"),
    (r"^[^]$", "a", "ab"),
    (r"^[]|b$", "b", "a"),
    (r"^[\b]$", "\b", "b"),
    (r"^[^|\000-\037]+$", "a", "\x01"),
    (r"^\uD83D\uDE00$", "\U0001f600", "a"),
    (r"^([x(])(?<q>[ab])(?!z)\k<q>1$", "xaa1", "xab1"),
]
STRICT = [
    r"^a{2}b{1,}c{1,3}$",
    r"^[-a-z0-9_-]+[^-a][+--]$",
    r"^(?<year>\d{4})-\p{L}{2}\u{e9}\]$",
    r"^[\]\\{}]$",
    r"^[\d",
    "\\",
]


@pytest.mark.parametrize(("pattern", "admitted", "refused"), LENIENT)
def test_a_lenient_pattern_means_what_it_means(pattern: str, admitted: str, refused: str) -> None:
    judge = jsonschema_rs.Draft202012Validator({"pattern": strict(pattern)})

    assert judge.is_valid(admitted)
    assert not judge.is_valid(refused)


@pytest.mark.parametrize("pattern", STRICT)
def test_a_strict_pattern_stays_as_it_is(pattern: str) -> None:
    assert strict(pattern) == pattern


@pytest.mark.parametrize("pattern", [pattern for pattern, _, _ in LENIENT])
def test_what_was_made_strict_stays_as_it_is(pattern: str) -> None:
    assert strict(strict(pattern)) == strict(pattern)


def test_a_pattern_may_count_far() -> None:
    schema = {"pattern": r"^\S{1,8192}$"}
    judge = jsonschema_rs.Draft202012Validator(schema, pattern_options=PATTERNS)

    assert judge.is_valid("a" * 8192)
    assert not judge.is_valid("a" * 8193)


QUADRATIC = [
    r"(?!.*b)a",
    r"(?=.*x)(?=.*y).*z",
    r"^(?:(?!ab*).)*$",
    r"(?<!b)a(?!.*c)",
    r"^a(?=b{2,})",
    r"^(?=[^x]*y)a|(?!.*c)",
    r"^(?=(?:a|(?!.*c)b)*)z",
]
LINEAR = [
    r"^(?!.*b)a*$",
    r"^(?=.*x)(?=.*[)]y).*z",
    r"^(?:(?!ab).)*$",
    r"(?<!b)a(?!c)",
    r"^[(?=*](?!x)$",
    r"\(\?!.*b\)a",
    r"(a*)(?=b)",
    r"(a+)+$",
]


@pytest.mark.parametrize("pattern", [*QUADRATIC, *LINEAR])
def test_what_looks_around_from_each_place_is_known_as_quadratic(pattern: str) -> None:
    assert is_quadratic(pattern) == (pattern in QUADRATIC)
