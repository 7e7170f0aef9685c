"""Judges what a fuzzing run has found, and whether it has looked closely enough to find anything.

"No failures" says little when every request was refused: the gate opens only for a run in which the
service accepted most of what was valid, every link was followed, and every documented status seen.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charter.runtime import Contract, Operation

ACCEPTED_OVER_ALL = 0.7
ACCEPTED_EACH = 0.5
SCENARIOS = 40
UNAUTHENTICATED = 0.1
INFERRED_LINKS = 0.75
"""Of those that Schemathesis adds to the documented ones, which must all be followed."""

SEEN_BY_TESTS = frozenset({413, 429, 503})
"""What a fuzzer can't provoke: `tests/contract/test_statuses.py` sees them."""

LAST_ADMINISTRATOR = frozenset(
    {"DELETE /users/me", "PATCH /users/{user_id}", "DELETE /users/{user_id}"}
)
"""Their 409 needs an administrator who is the only one: `tests/api/test_users.py` has that one."""

Label = str
"""A method and a path template, as in `GET /items/{item_id}`."""


@dataclass
class Run:
    """One run of Schemathesis, read from its reports."""

    name: str
    exit_code: int
    summary: Mapping[str, Any]
    statuses: Counter[tuple[Label, int]] = field(default_factory=Counter)
    links_followed: set[str] = field(default_factory=set)
    links_counted: tuple[int, int] = (0, 0)
    """How many of how many, inferred ones too."""
    scenarios: int = 0

    @classmethod
    def read(cls, name: str, directory: Path, exit_code: int) -> "Run":
        """Raises FileNotFoundError when Schemathesis wrote no report."""
        summary = json.loads(newest(directory, "json-*.json").read_text())
        run = cls(name, exit_code, summary)
        with newest(directory, "ndjson-*.ndjson").open() as lines:
            for line in lines:
                run.count(json.loads(line).get("ScenarioFinished", {}))
        log = (directory / "schemathesis.log").read_text()
        if found := re.search(r"API Links: +(\d+) covered / \d+ selected / (\d+) total", log):
            run.links_counted = int(found[1]), int(found[2])
        if found := re.search(r"Scenarios: +(\d+)", log):
            run.scenarios = int(found[1])
        return run

    def count(self, scenario: Mapping[str, Any]) -> None:
        recorder = scenario.get("recorder", {})
        interactions = recorder.get("interactions", {})
        for name, case in recorder.get("cases", {}).items():
            response = interactions.get(name, {}).get("response")
            if response:
                label = f"{case['value']['method']} {case['value']['path']}"
                self.statuses[label, response["status_code"]] += 1
                if case.get("transition"):
                    self.links_followed.add(case["transition"]["id"])

    def findings(self) -> Iterator[str]:
        """What Schemathesis itself objects to."""
        yield from self.failures()
        for error in self.summary["errors"]:
            yield f"{self.name}: error: {error}"
        for warning, places in self.summary["warnings"].items():
            if places:
                yield f"{self.name}: warning {warning} at {', '.join(map(str, places))}"
        if self.exit_code != 0:
            yield f"{self.name}: Schemathesis ended with exit code {self.exit_code}"

    def failures(self) -> Iterator[str]:
        for failure in self.summary["failures"]:
            places = ", ".join(failure["operations"])
            yield f"{self.name}: {failure['code']} {failure['title']} at {places}"


def newest(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if not found:
        raise FileNotFoundError(f"Schemathesis wrote no {pattern} into {directory}.")
    return found[-1]


def acceptance(run: Run) -> dict[Label, float]:
    """The share of valid requests that each operation accepted."""
    shares = {}
    for label, phases in run.summary["valid_rates"].items():
        counts = Counter[str]()
        for phase in phases.values():
            counts.update(phase)
        if counts.total():
            shares[label] = counts["accepted"] / counts.total()
    return shares


def accepted_over_all(run: Run) -> float:
    counts = Counter[str]()
    for phases in run.summary["valid_rates"].values():
        for phase in phases.values():
            counts.update(phase)
    return counts["accepted"] / max(1, counts.total())


def unauthenticated_share(run: Run) -> float:
    refused = sum(count for (_, status), count in run.statuses.items() if status == 401)
    return refused / max(1, run.statuses.total())


def unseen_statuses(contract: Contract, runs: list[Run]) -> Iterator[str]:
    """Documented statuses that no request was answered with."""
    seen = {key for run in runs for key in run.statuses}
    for operation in contract.operations.values():
        label = f"{operation.method} {operation.path}"
        for status in operation.promises:
            if (label, status) not in seen and not is_left_to_tests(contract, operation, status):
                yield f"{label} never answered {status}"


def is_left_to_tests(contract: Contract, operation: Operation, status: int) -> bool:
    """Whether a fuzzer has no way to provoke the status."""
    label = f"{operation.method} {operation.path}"
    takes_nothing = not operation.parameters and "requestBody" not in contract.judge.at(
        operation.place
    )
    return (
        status in SEEN_BY_TESTS
        or (status == 409 and label in LAST_ADMINISTRATOR)
        or (status == 422 and takes_nothing)  # only a parameter that nobody declared is wrong
    )


def unfollowed_links(contract: Contract, run: Run) -> Iterator[str]:
    """Documented links that no scenario went along."""
    for operation in contract.operations.values():
        for status in operation.promises:
            place = contract.judge.locate(f"{operation.place}/responses/{status}")
            for name in contract.judge.at(place).get("links", {}):
                link = f"{operation.method} {operation.path} -> [{status}] {name} ->"
                if not any(followed.startswith(link) for followed in run.links_followed):
                    yield f"the link {link.removesuffix(' ->')} was never followed"


def verdict(main: Run, stateful: Run, contract: Contract) -> list[str]:
    """Why the gate stays shut; nothing when it opens."""
    found = [*main.findings(), *stateful.findings()]
    share = accepted_over_all(main)
    if share < ACCEPTED_OVER_ALL:
        found.append(f"only {share:.0%} of valid requests were accepted")
    for label, each in acceptance(main).items():
        if each < ACCEPTED_EACH:
            found.append(f"{label} accepted only {each:.0%} of valid requests")
    for run in (main, stateful):
        if (refused := unauthenticated_share(run)) > UNAUTHENTICATED:
            found.append(f"{run.name}: {refused:.0%} of all answers were 401")
    if stateful.scenarios < SCENARIOS:
        found.append(f"only {stateful.scenarios} scenarios were played")
    covered, total = stateful.links_counted
    if covered < INFERRED_LINKS * total or not total:
        found.append(f"only {covered} of {total} links were followed")
    found += unfollowed_links(contract, stateful)
    return [*found, *unseen_statuses(contract, [main, stateful])]


def table(main: Run, stateful: Run) -> str:
    """The figures of a run, one line for each operation."""
    answers = Counter[Label]()
    for run in (main, stateful):
        for (label, _), count in run.statuses.items():
            answers[label] += count
    lines = [f"{'operation':<36}{'requests':>9}{'accepted':>10}"]
    for label, share in sorted(acceptance(main).items()):
        lines.append(f"{label:<36}{answers[label]:>9}{share:>10.0%}")
    lines.append(f"{'all':<36}{answers.total():>9}{accepted_over_all(main):>10.0%}")
    covered, total = stateful.links_counted
    lines.append(
        f"{stateful.scenarios} scenarios, {covered} of {total} links,"
        f" {unauthenticated_share(main):.1%} and {unauthenticated_share(stateful):.1%} of 401s"
    )
    return "\n".join(lines)
