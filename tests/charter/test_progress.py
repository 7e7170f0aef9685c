"""A bar says how long something takes still."""

import time

import pytest

from charter.progress import Steps, TimeLeft


def seconds_left(steps: Steps) -> int:
    (task,) = steps.progress.tasks
    number, *words = TimeLeft().render(task).plain.split()
    assert words == ["s", "left"]
    return int(number)


def test_what_is_left_is_known_at_once_and_at_the_pace_of_the_machine() -> None:
    with Steps({"short": 0.1, "long": 20.0}) as steps:
        steps.begin("short")
        first = seconds_left(steps)
        time.sleep(0.4)
        steps.begin("long")
        second = seconds_left(steps)
        time.sleep(1.2)
        third = seconds_left(steps)

    assert 19 <= first <= 20
    assert second >= 4 * 20 - 1
    assert third < second


def test_without_a_terminal_steps_are_named_where_that_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Steps({"one": 1.0}, names_steps=False) as steps:
        steps.begin("one")
    with Steps({"two": 1.0}) as steps:
        steps.begin("two")

    assert capsys.readouterr().out == "two ...\n"
