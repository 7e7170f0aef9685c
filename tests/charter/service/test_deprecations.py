"""Operators see who still calls what is deprecated, without reading it a thousand times."""

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from charter.service.deprecations import (
    CALLS,
    LONGEST_CLIENT,
    MOST_CALLERS,
    REMINDS,
    Caller,
    Deprecations,
)

ADA = Caller("ada", "192.0.2.1", "shop/1.0")


@dataclass
class Clock:
    now: float = 0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    members = ("operation", "user_id", "address", "client")
    return [tuple(vars(record)[member] for member in members) for record in caplog.records]


def test_a_caller_is_named_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    deprecations = Deprecations(clock)

    for caller in (ADA, ADA, Caller(None, "192.0.2.1", "shop/1.0"), ADA):
        deprecations.count("listThings", caller)
    assert [line[1] for line in lines(caplog)] == ["ada", None]

    clock.now = REMINDS
    deprecations.count("listThings", ADA)
    assert lines(caplog)[2:] == [("listThings", "ada", "192.0.2.1", "shop/1.0")]


def test_every_call_is_counted_by_its_operation_alone() -> None:
    deprecations = Deprecations()
    before = CALLS.labels("countThings")._value.get()

    for number in range(3):
        deprecations.count("countThings", Caller(str(number), None, ""))

    assert CALLS.labels("countThings")._value.get() == before + 3


def test_a_flood_of_callers_fills_neither_memory_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    deprecations = Deprecations()

    for number in range(MOST_CALLERS + 50):
        deprecations.count("listThings", Caller(None, str(number), "a" * 10_000))

    assert len(caplog.records) == len(deprecations.named) == MOST_CALLERS
    assert {len(line[3]) for line in lines(caplog)} == {LONGEST_CLIENT}
