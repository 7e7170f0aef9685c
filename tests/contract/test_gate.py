"""The gate opens for a run that found nothing because there was nothing, and for no other."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from charter.contract.gate import Run, is_left_to_tests, verdict
from tests.promises import contract


def perfect_run(name: str) -> Run:
    """A run without findings, in which everything was accepted and every status seen."""
    operations = contract().operations.values()
    labels = [f"{operation.method} {operation.path}" for operation in operations]
    summary: dict[str, Any] = {
        "failures": [],
        "errors": [],
        "warnings": {"missing_auth": []},
        "valid_rates": {
            label: {"fuzzing": {"accepted": 90, "rejected": 10, "conflicts": 0, "unreachable": 0}}
            for label in labels
        },
    }
    run = Run(name, 0, summary)
    for operation, label in zip(operations, labels, strict=True):
        run.statuses[label, 200] += 1000
        for status in operation.promises:
            if not is_left_to_tests(contract(), operation, status):
                run.statuses[label, status] += 1
            place = contract().judge.locate(f"{operation.place}/responses/{status}")
            for link in contract().judge.at(place).get("links", {}):
                run.links_followed.add(f"{label} -> [{status}] {link} -> anywhere")
    run.links_counted = (40, 41)
    run.scenarios = 100
    return run


def test_the_gate_opens_for_a_perfect_run() -> None:
    assert verdict(perfect_run("main"), perfect_run("stateful"), contract()) == []


def fail(main: Run, stateful: Run) -> None:
    failure = {"code": "ST108", "title": "Response violates schema", "operations": ["GET /items"]}
    main.summary["failures"].append(failure)


def warn(main: Run, stateful: Run) -> None:
    main.summary["warnings"]["missing_auth"].append("GET /items")


def err(main: Run, stateful: Run) -> None:
    stateful.summary["errors"].append("it broke")


def end_with_an_exit_code(main: Run, stateful: Run) -> None:
    stateful.exit_code = 2


def refuse_one_operation(main: Run, stateful: Run) -> None:
    rates = main.summary["valid_rates"]["POST /items"]["fuzzing"]
    rates.update(accepted=49, rejected=51)


def refuse_a_third_of_everything(main: Run, stateful: Run) -> None:
    for phases in main.summary["valid_rates"].values():
        phases["fuzzing"].update(accepted=69, rejected=31)


def lose_the_token(main: Run, stateful: Run) -> None:
    stateful.statuses["GET /items", 401] += stateful.statuses.total() // 8


def end_early(main: Run, stateful: Run) -> None:
    stateful.scenarios = 39


def leave_a_documented_link(main: Run, stateful: Run) -> None:
    stateful.links_followed.discard("POST /users -> [201] logIn -> anywhere")


def leave_inferred_links(main: Run, stateful: Run) -> None:
    stateful.links_counted = (30, 41)


def never_see_a_status(main: Run, stateful: Run) -> None:
    for run in (main, stateful):
        run.statuses = Counter({key: n for key, n in run.statuses.items() if key[1] != 412})


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (fail, "ST108"),
        (warn, "warning missing_auth at GET /items"),
        (err, "error: it broke"),
        (end_with_an_exit_code, "exit code 2"),
        (refuse_one_operation, "POST /items accepted only 49%"),
        (refuse_a_third_of_everything, "only 69% of valid requests"),
        (lose_the_token, "of all answers were 401"),
        (end_early, "only 39 scenarios"),
        (leave_a_documented_link, "POST /users -> [201] logIn was never followed"),
        (leave_inferred_links, "only 30 of 41 links"),
        (never_see_a_status, "PUT /items/{item_id} never answered 412"),
    ],
)
def test_the_gate_stays_shut(spoil: Callable[[Run, Run], None], finding: str) -> None:
    main, stateful = perfect_run("main"), perfect_run("stateful")

    spoil(main, stateful)

    assert any(finding in found for found in verdict(main, stateful, contract()))
