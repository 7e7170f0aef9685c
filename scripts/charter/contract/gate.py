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
from statistics import median
from typing import Any

from charter.contract.api import IF_NONE_MATCH, Api, label
from charter.contract.configuration import WARNINGS
from charter.contract.probes import Probed
from charter.contract.settings import FuzzSettings
from charter.document.statuses import UNPROVOKED, refusals
from charter.runtime import Operation

ACCEPTED_OVER_ALL = 0.7
ACCEPTED_EACH = 0.5
UNAUTHENTICATED = 0.1
SLOW = 5
"""Seconds that an operation takes at most, in the middle of all its requests."""
SLOWER = 20
"""How many times longer than the others a slow one takes: a slow machine makes all of them slow."""
MOST = 0.5

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
    checks: Counter[tuple[Label, str]] = field(default_factory=Counter)
    """How often each check held, by its name."""
    sent: Counter[tuple[Label, str, str]] = field(default_factory=Counter)
    """How often a parameter or a member of the body was sent, by its place."""
    tried: Counter[tuple[Label, str]] = field(default_factory=Counter)
    """How often a request broke or met a keyword on purpose, by what Schemathesis calls that."""
    seconds: dict[Label, list[float]] = field(default_factory=dict)

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
                self.count_answer(case, interactions[name]["request"], response)
                where = label_of(case)
                found = recorder.get("checks", {}).get(name, ())
                self.checks.update((where, one["name"]) for one in found if is_held(one))

    def count_answer(
        self, case: Mapping[str, Any], request: Mapping[str, Any], response: Mapping[str, Any]
    ) -> None:
        where, value = label_of(case), case["value"]
        self.statuses[where, response["status_code"]] += 1
        self.seconds.setdefault(where, []).append(response.get("elapsed", 0.0))
        is_by_check = case.get("parent_id") and not case.get("transition")
        has_token = "Authorization" in request.get("headers", {})
        if where in self.secured and has_token and not is_by_check:
            self.with_token[response["status_code"]] += 1
        if case.get("transition"):
            self.links_followed.add(case["transition"]["id"])
        for place, part in PARTS.items():
            members = value.get(part)
            if isinstance(members, Mapping):
                self.sent.update((where, place, one) for one in members)
        scenario = ((value.get("meta") or {}).get("phase") or {}).get("data") or {}
        if "scenario" in scenario:
            self.tried[where, scenario["scenario"]] += 1

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

    def tried_by_keyword(self) -> Counter[str]:
        found = Counter[str]()
        for (_, name), count in self.tried.items():
            found[name] += count
        return found

    def objection(self) -> str | None:
        """Why the run says nothing of the service: most of its requests were not heard."""
        if self.unauthenticated > MOST:
            return f"{self.unauthenticated:.0%} of its tokens were refused, as if logged out."
        throttled = sum(count for (_, status), count in self.statuses.items() if status == 429)
        if throttled > MOST * self.requests:
            return (
                f"{throttled} of {self.requests} requests were answered 429. Switch the limits off"
                " under [tool.charter.fuzz.environment]."
            )
        return None

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


PARTS = {"path": "path_parameters", "query": "query", "header": "headers", "body": "body"}


def label_of(case: Mapping[str, Any]) -> Label:
    return f"{case['value']['method']} {case['value']['path']}"


def is_held(check: Mapping[str, Any]) -> bool:
    return bool(check["status"] == "success")


def newest(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if not found:
        raise FileNotFoundError(f"Schemathesis wrote no {pattern} into {directory}.")
    return found[-1]


@dataclass(frozen=True)
class Runs:
    """What was done: probes always, the others where they were asked for."""

    probed: Probed
    main: Run | None = None
    stateful: Run | None = None
    peers: Run | None = None

    @property
    def all(self) -> list[Run]:
        found = (self.main, self.stateful, self.peers)
        return [run for run in found if run is not None]


@dataclass(frozen=True)
class Gate:
    """What has to be seen of a document's operations."""

    api: Api
    settings: FuzzSettings
    probed: Probed
    chosen: Collection[Operation]
    """The operations that the runs were about."""

    def verdict(self, main: Run | None, stateful: Run | None, peers: Run | None) -> list[str]:
        """Why the gate stays shut; nothing when it opens."""
        runs = [run for run in (main, stateful, peers) if run is not None]
        found = list(self.probed.findings)
        found += [finding for run in runs for finding in run.findings()]
        if main is not None:
            found += self.refused(main)
            found += [
                f"{label(operation)} never answered {status}"
                for operation, status in self.unseen_statuses(runs)
            ]
            found += slow(main)
        if stateful is not None:
            found += self.unfollowed_links(stateful)
        return found

    def refused(self, main: Run) -> Iterator[str]:
        if main.accepted < ACCEPTED_OVER_ALL:
            yield f"only {main.accepted:.0%} of valid requests were accepted"
        for where, share in main.acceptance().items():
            if share < ACCEPTED_EACH:
                yield f"{where} accepted only {share:.0%} of valid requests"

    def unseen_statuses(self, runs: Sequence[Run]) -> Iterator[tuple[Operation, int]]:
        """Declared statuses that no request was answered with, although one could have been."""
        seen = set(self.probed.statuses).union(*(run.statuses for run in runs))
        for operation in self.chosen:
            for status in operation.response_specs:
                if (label(operation), status) not in seen and self.can_see(operation, status):
                    yield operation, status

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


def slow(main: Run) -> Iterator[str]:
    """Operations that take too long, compared with the others as well."""
    usual = {where: median(seconds) for where, seconds in main.seconds.items()}
    over_all = median(usual.values()) if usual else 0.0
    for where, seconds in usual.items():
        if seconds > max(SLOW, SLOWER * over_all):
            yield f"{where} takes {seconds:.1f} s, all others {over_all:.3f} s"


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


def rows(api: Api, runs: Runs) -> Iterator[tuple[str, str, str]]:
    """The figures of each operation: its label, its requests, what it accepted of valid ones."""
    answers = Counter[Label]()
    for statuses in (runs.probed.statuses, *(run.statuses for run in runs.all)):
        for (where, _), count in statuses.items():
            answers[where] += count
    shares = runs.main.acceptance() if runs.main is not None else {}
    mocked = runs.probed.mocked
    for where in sorted(map(label, api.operations)):
        share = f"{shares[where]:.0%}" if where in shares else ""
        yield where + (" (mocked)" if where in mocked else ""), str(answers[where]), share
    over_all = f"{runs.main.accepted:.0%}" if runs.main is not None else ""
    yield "all", str(answers.total()), over_all
