"""Judges what fuzzing has found, and whether it has looked closely enough to find anything.

"No failures" says little when every request was refused: the gate opens only where the service
accepted most of what was valid, every declared link was followed, and every declared status seen
that a client can provoke. What only a real service can give is not asked of a mock.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charter.contract.api import IF_NONE_MATCH, Api, label, refusals
from charter.contract.configuration import WARNINGS
from charter.contract.probes import Probed
from charter.contract.settings import FuzzSettings
from charter.runtime import Operation

ACCEPTED_OVER_ALL = 0.7
ACCEPTED_EACH = 0.5
UNAUTHENTICATED = 0.1

UNPROVOKED = frozenset({408, 413, 429, *range(500, 600)})
"""What no fuzzer provokes on purpose: too much, too often, and outages."""

PEERS = "peers"
"""The run of two ordinary users, to whom much is refused: warnings of that say nothing."""

Label = str
"""A method and a path template, as in `GET /items/{item_id}`."""


@dataclass
class Run:
    """One run of Schemathesis, read from its reports."""

    name: str
    exit_code: int
    summary: Mapping[str, Any]
    statuses: Counter[tuple[Label, int]] = field(default_factory=Counter)
    secured: Collection[Label] = ()
    """The operations that take a token: of others, a 401 doesn't speak of the token."""
    with_token: Counter[int] = field(default_factory=Counter)
    """The statuses of their requests that showed one, but for those that checks have made: they
    try whether a wrong one is refused."""
    links_followed: set[str] = field(default_factory=set)
    links_counted: tuple[int, int] = (0, 0)
    """How many of how many, inferred ones too."""
    scenarios: int = 0

    @classmethod
    def read(cls, name: str, directory: Path, exit_code: int, secured: Collection[Label]) -> "Run":
        """Raises FileNotFoundError when Schemathesis wrote no report."""
        summary = json.loads(newest(directory, "json-*.json").read_text())
        run = cls(name, exit_code, summary, secured=secured)
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
                where = f"{case['value']['method']} {case['value']['path']}"
                self.statuses[where, response["status_code"]] += 1
                is_by_check = case.get("parent_id") and not case.get("transition")
                headers = interactions[name]["request"].get("headers", {})
                if where in self.secured and "Authorization" in headers and not is_by_check:
                    self.with_token[response["status_code"]] += 1
                if case.get("transition"):
                    self.links_followed.add(case["transition"]["id"])

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def findings(self) -> Iterator[str]:
        """What Schemathesis itself objects to, and whether its requests meant anything."""
        yield from self.failures()
        for error in self.summary["errors"]:
            yield f"{self.name}: error: {error}"
        for warning, places in self.summary["warnings"].items():
            if places and warning in WARNINGS and self.name != PEERS:
                yield f"{self.name}: warning {warning} at {', '.join(map(str, places))}"
        if self.exit_code != 0:
            yield f"{self.name}: Schemathesis ended with exit code {self.exit_code}"
        if self.unauthenticated > UNAUTHENTICATED:
            yield f"{self.name}: {self.unauthenticated:.0%} of all tokens were refused with 401"

    def failures(self) -> Iterator[str]:
        for failure in self.summary["failures"]:
            places = ", ".join(failure["operations"])
            yield f"{self.name}: {failure['code']} {failure['title']} at {places}"

    @property
    def unauthenticated(self) -> float:
        """The share of requests with a token that were answered 401."""
        return self.with_token[401] / max(1, self.with_token.total())

    def rates(self, where: Label) -> Counter[str]:
        """How many valid requests an operation accepted, refused or couldn't reach."""
        counts = Counter[str]()
        for phase in self.summary["valid_rates"].get(where, {}).values():
            counts.update(phase)
        return counts

    def acceptance(self) -> dict[Label, float]:
        """The share of valid requests that each operation accepted."""
        counted = {where: self.rates(where) for where in self.summary["valid_rates"]}
        return {w: each["accepted"] / each.total() for w, each in counted.items() if each.total()}

    @property
    def accepted(self) -> float:
        """The share of valid requests that were accepted, over all operations."""
        counts = sum((self.rates(where) for where in self.summary["valid_rates"]), Counter[str]())
        return counts["accepted"] / max(1, counts.total())


def newest(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if not found:
        raise FileNotFoundError(f"Schemathesis wrote no {pattern} into {directory}.")
    return found[-1]


@dataclass(frozen=True)
class Gate:
    """What has to be seen of a document's operations."""

    api: Api
    settings: FuzzSettings
    probed: Probed

    def verdict(self, main: Run | None, stateful: Run | None, peers: Run | None) -> list[str]:
        """Why the gate stays shut; nothing when it opens."""
        runs = [run for run in (main, stateful, peers) if run is not None]
        found = list(self.probed.findings)
        found += [finding for run in runs for finding in run.findings()]
        if main is not None:
            found += self.refused(main)
            found += self.unseen_statuses(runs)
        if stateful is not None:
            found += self.unfollowed_links(stateful)
        return found

    def refused(self, main: Run) -> Iterator[str]:
        if main.accepted < ACCEPTED_OVER_ALL:
            yield f"only {main.accepted:.0%} of valid requests were accepted"
        for where, share in main.acceptance().items():
            if share < ACCEPTED_EACH:
                yield f"{where} accepted only {share:.0%} of valid requests"

    def unseen_statuses(self, runs: Sequence[Run]) -> Iterator[str]:
        """Declared statuses that no request was answered with, although one could have been."""
        seen = set(self.probed.statuses).union(*(run.statuses for run in runs))
        for operation in self.api.operations:
            for status in operation.response_specs:
                if (label(operation), status) not in seen and self.can_see(operation, status):
                    yield f"{label(operation)} never answered {status}"

    def can_see(self, operation: Operation, status: int) -> bool:
        """Whether a client can provoke a status."""
        if status in UNPROVOKED or f"{operation.id} {status}" in self.settings.unprovoked:
            return False
        if label(operation) in self.probed.mocked and not self.is_given_by_mocks(operation, status):
            return False
        return provokes(self.api, operation, status)

    def is_given_by_mocks(self, operation: Operation, status: int) -> bool:
        """Whether the status is the first success, or a refusal that generated code makes."""
        successes = sorted(one for one in operation.response_specs if 200 <= one < 400)
        refused = status in refusals(self.api.contract, operation)
        return status in successes[:1] or (refused and status != 403)

    def unfollowed_links(self, stateful: Run) -> Iterator[str]:
        """Declared links that no scenario went along, between operations that are implemented."""
        for operation in self.api.operations:
            for name, link in self.api.links(operation).items():
                target = self.api.contract.operations.get(str(link.get("operationId")))
                ends = {label(one) for one in (operation, target) if one is not None}
                prefix = f"{label(operation)} -> {name} ->"
                is_followed = prefix.removesuffix(" ->") in self.probed.links or any(
                    one.startswith(prefix) for one in stateful.links_followed
                )
                if not is_followed and not ends & self.probed.mocked:
                    yield f"the link {prefix.removesuffix(' ->')} was never followed"


def provokes(api: Api, operation: Operation, status: int) -> bool:
    """Whether a request exists that an operation has to answer with a status.

    One that takes no parameters and no body can refuse credentials and what it doesn't declare;
    whatever else it says depends on a state that nobody can ask for. One that lets in nobody
    without a client certificate refuses everybody here.
    """
    if not api.is_reachable(operation):
        return status == 401
    if status < 300:
        return True
    if status == 304:
        return api.header(operation, IF_NONE_MATCH) is not None
    if api.takes_something(operation):
        return True
    if status == 403:
        return any(map(bool, api.scopes(operation)))
    if status == 401:
        return api.is_secured(operation)
    return status == operation.refusal_status


def tally(probed: Probed) -> str:
    """How many operations there are, and how many of them are mocked or out of reach."""
    counted = f"{len(probed.implemented)} implemented, {len(probed.mocked)} mocked"
    closed = len(probed.closed)
    return f"{counted}, {closed} closed to callers without a certificate" if closed else counted


def rows(
    api: Api, probed: Probed, runs: Collection[Run], main: Run | None
) -> Iterator[tuple[str, str, str]]:
    """The figures of each operation: its label, its requests, what it accepted of valid ones."""
    answers = Counter[Label]()
    for statuses in (probed.statuses, *(run.statuses for run in runs)):
        for (where, _), count in statuses.items():
            answers[where] += count
    shares = main.acceptance() if main is not None else {}
    for where in sorted(map(label, api.operations)):
        share = f"{shares[where]:.0%}" if where in shares else ""
        yield where + (" (mocked)" if where in probed.mocked else ""), str(answers[where]), share
    over_all = f"{main.accepted:.0%}" if main is not None else ""
    yield "all", str(answers.total()), over_all
