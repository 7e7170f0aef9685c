"""The work of `charter fuzz`: probes and Schemathesis against a running service, and a gate.

Four runs, each on a service and a database of its own: the probes; `main`, which asks each
operation for itself; `stateful`, which goes along the links; and `peers`, which compares what two
users see.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import chain, islice
from json import JSONDecodeError
from pathlib import Path
from time import monotonic, time
from typing import Any

from requests import RequestException

from charter.contract import configuration, page, report
from charter.contract.api import Api, fuzzed, label
from charter.contract.chosen import chosen
from charter.contract.gate import Gate, Run, Runs
from charter.contract.probes import STAGES, Client, Probed, findings, probe
from charter.contract.report import Screen
from charter.contract.service_under_test import APPLICATION, Prepared, Running, prepared
from charter.contract.settings import FuzzSettings
from charter.contract.subject import PLAN, Plan, Subject
from charter.errors import Misconfigured
from charter.project import Project
from charter.runtime import Contract, Operation

REPORTS = Path(".data") / "fuzz"
CLOCK_JUMP = 60
"""Seconds; no clock that is corrected bit by bit moves as far."""
PHASES = 3
"""Of the main run: examples, coverage and fuzzing."""


class NotFuzzed(Misconfigured):
    """The fuzzing did not take place; the message says where to look."""


@dataclass(frozen=True)
class Choice:
    """What a person asks for: how deep a run goes, and which operations it is about."""

    max_examples: int | None = None
    seed: int | None = None
    quick: bool = False
    nightly: bool = False
    peers: bool = False
    """Whether only two users are compared."""
    operations: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: str | None = None
    """A revision of git: the operations that have changed since."""

    @property
    def depth(self) -> "Depth":
        depth = QUICK if self.quick else NIGHTLY if self.nightly else DAILY
        if self.max_examples is None:
            return depth
        scenarios = self.max_examples * depth.scenarios // depth.examples
        return Depth(self.max_examples, max(min(1, depth.scenarios), scenarios), True)


def run(choice: Choice, reports: Path = REPORTS) -> int:
    """Probe, fuzz, follow the links, compare two peers.

    The exit code: 0 when the gate opens, else 1. Raises Misconfigured (exit code 2) where nothing
    could be tested.
    """
    depth = choice.depth
    seed = choice.seed if choice.seed is not None else depth.seed()
    attempt = Attempt(seed, reports=reports.absolute())
    attempt.choose(choice)
    if not attempt.chosen:
        attempt.screen.say(f"No operation has changed since {choice.since}: nothing is fuzzed.")
        return 0
    about = f"{len(attempt.chosen)} of {len(attempt.api.operations)} operations"
    attempt.screen.say(f"Fuzzing {about} with seed {seed} and {depth.examples} examples for each.")
    started = monotonic()
    with undisturbed(), attempt.screen.progress, attempt.prepared():
        probed = attempt.probe()
        main = None if choice.peers else attempt.main(depth.examples)
        is_whole = len(attempt.chosen) == len(attempt.api.operations)
        is_deep = is_whole and depth.scenarios > 0
        stateful = attempt.stateful(depth.scenarios) if is_deep and not choice.peers else None
        is_compared = is_deep or choice.peers
        compared = attempt.peers(max(1, depth.examples // 4)) if is_compared else None
    gate = Gate(attempt.api, attempt.settings, probed, attempt.chosen)
    found = gate.verdict(main, stateful, compared)
    runs = Runs(probed, main, stateful, compared)
    return conclude(attempt, gate, runs, found, monotonic() - started)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Raises NotFuzzed where the machine, not the service, is why nothing can be said."""
    began = time() - monotonic()
    try:
        yield
    except RequestException as error:
        raise NotFuzzed(f"The service under test stopped answering: {reason(error)}.") from error
    except OSError as error:
        raise NotFuzzed(f"Nothing could be tested: {reason(error)}.") from error
    if abs(time() - monotonic() - began) > CLOCK_JUMP:
        raise NotFuzzed(
            "The clock jumped, or the machine slept, while the service was fuzzed: what expires did"
            " so at another time than it should. Repeat the run."
        )


def reason(error: OSError) -> str:
    """In one line, with the file if there is one."""
    said = (error.strerror or str(error)).splitlines()[0].rstrip(".")
    return f"{error.filename}: {said}" if error.filename else said


def conclude(
    attempt: "Attempt", gate: Gate, runs: Runs, found: Sequence[str], seconds: float
) -> int:
    """Print and keep what there is to say. The exit code."""
    screen, directory = attempt.screen, attempt.reports
    screen.console.print(report.table(attempt.api, runs))
    screen.say(report.summary(runs))
    for finding in found:
        screen.say(f"gate: {finding}")
    for operation, status in islice(gate.unseen_statuses(runs.all), 1 if runs.main else 0):
        screen.say(
            "A declared status that the service doesn't answer: write the code that does, take it"
            " out of the document, or say in pyproject.toml why no request can provoke it, under"
            f' [tool.charter.fuzz.unprovoked], as "{operation.id} {status}" = "the reason".'
        )
    report.write_junit(directory, attempt.api, runs, found)
    report.write_verdict(directory, runs, found)
    page.write(directory, gate, runs, found, attempt.screen, seconds)
    state = "shut" if found else "open"
    screen.say(f"The gate is {state} after {seconds:.0f} s; see {directory / page.PAGE}.")
    return 1 if found else 0


@dataclass(frozen=True)
class Depth:
    """How much a run looks at, whatever time it takes."""

    examples: int
    """For each operation and phase."""
    scenarios: int
    """Along the links, of up to twenty steps each; 0 leaves out all runs but probes and main."""
    repeatable: bool

    def seed(self) -> int:
        """New each day and the same all day long, or new each time."""
        if self.repeatable:
            return datetime.now(UTC).date().toordinal()
        return secrets.randbelow(2**32)


QUICK = Depth(examples=10, scenarios=0, repeatable=True)
DAILY = Depth(examples=200, scenarios=80, repeatable=True)
NIGHTLY = Depth(examples=1000, scenarios=600, repeatable=False)


@dataclass
class Attempt:
    """What all runs of one attempt have in common."""

    seed: int
    app: str = APPLICATION
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the service under test, besides the project's own."""
    reports: Path = REPORTS
    project: Project = field(default_factory=Project.find)
    screen: Screen = field(default_factory=Screen)
    database: Prepared | None = None
    chosen: list[Operation] = field(default_factory=list)
    """The operations that it is about; `choose` fills them in."""
    mocked: set[str] = field(default_factory=set)
    """The labels of operations that nobody has written yet; the probes find out."""

    @cached_property
    def contract(self) -> Contract:
        """Raises NotFuzzed where the document has no operations, or nothing was generated."""
        file = self.project.generated / "openapi.json"
        try:
            found = Contract.load(file, check_rate=0)
        except FileNotFoundError:
            raise NotFuzzed(f"{file} is not there: run `charter generate` first.") from None
        if not found.operations:
            raise NotFuzzed(f"{self.project.document} has no operations to fuzz.")
        return found

    @cached_property
    def api(self) -> Api:
        return Api(self.contract)

    @cached_property
    def settings(self) -> FuzzSettings:
        return FuzzSettings.of(self.project, self.contract)

    def choose(self, choice: Choice) -> None:
        """Raises Misconfigured for an operation, a tag or a revision that isn't there."""
        names = {"operations": choice.operations, "tags": choice.tags}
        self.chosen = chosen(self.api, self.project, since=choice.since, **names)

    # -- the runs ---------------------------------------------------------------------------------

    def probe(self) -> Probed:
        about = self.chosen or self.api.operations
        self.screen.begin("probes", len(about) * STAGES)
        with self.service("probes") as (_, running, plan):
            client = self.client(running, plan)
            self.screen.replay = report.how_to_get_a_token(client.subject)
            advance = partial(self.screen.advance, "probes")
            probed = probe(client, self.screen.found_by_probes, advance)
        self.mocked |= probed.mocked
        return probed

    def findings(self) -> Iterator[str]:
        """What the probes find, for whoever needs no more than the first of it."""
        with self.service("probes") as (_, running, plan):
            yield from findings(self.client(running, plan))

    def client(self, running: Running, plan: Plan) -> Client:
        about = set(map(label, self.chosen)) or None
        return Client(Subject(plan, self.settings), about, running.address)

    def main(self, examples: int, *arguments: str) -> Run:
        phases = ("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples))
        about = self.chosen or self.api.operations
        is_partial = len(about) < len(self.api.operations)
        included = [("--include-operation-id", one.id) for one in about] if is_partial else ()
        names = chain.from_iterable(included)
        return self.fuzz("main", len(about) * PHASES, *phases, *arguments, *names)

    def stateful(self, scenarios: int, *arguments: str) -> Run:
        phases = ("--phases", "stateful", "--max-examples", str(scenarios))
        return self.fuzz("stateful", scenarios, *phases, *arguments)

    def peers(self, examples: int) -> Run | None:
        """None where no implemented operation has an object that could be somebody's."""
        objects = [one for one in self.api.operations if self.api.has_path_parameter(one)]
        if all(label(one) in self.mocked for one in objects):
            return None
        total = len(self.api.operations) * PHASES
        return self.fuzz("peers", total, "--max-examples", str(examples))

    def fuzz(self, name: str, total: int, *arguments: str) -> Run:
        """One run of Schemathesis on a service and a database of its own."""
        self.screen.begin(name, total)
        with self.service(name) as (directory, running, plan):
            if name == "peers":
                table = self.peers_configuration(directory, plan)
            else:
                table = configuration.main(self.api, self.settings, plan.accounts, self.mocked)
            (directory / "schemathesis.toml").write_text(configuration.toml(table))
            code = self.schemathesis(name, directory, plan, arguments)
            running.require_alive(directory / "service.log")
        try:
            found = Run.read(name, directory, code, self.api.secured)
        except (FileNotFoundError, JSONDecodeError) as error:
            log = directory / "schemathesis.log"
            raise NotFuzzed(
                f"Schemathesis left no whole report; its last words are in {log}."
            ) from error
        if not found.requests:
            raise NotFuzzed(f"The {name} run asked nothing; see {directory}/schemathesis.log.")
        if objection := found.objection():
            raise NotFuzzed(f"The {name} run tested nothing: {objection}")
        return found

    @contextmanager
    def prepared(self) -> Iterator[Prepared]:
        """The database that all runs have copies of; made once, by the outermost block."""
        if self.database is not None:
            yield self.database
            return
        directory = self.reports.absolute() / "prepared"
        with prepared(
            directory, accounts=self.settings.accounts, environment=self.settings.environment
        ) as self.database:
            try:
                yield self.database
            finally:
                self.database = None

    @contextmanager
    def service(self, name: str) -> Iterator[tuple[Path, Running, Plan]]:
        """A service of its own for a run, and the plan that leads to it."""
        directory = self.reports.absolute() / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        document = directory / "openapi.json"
        document.write_text(json.dumps(fuzzed(self.contract)))
        with (
            self.prepared() as prepared,
            prepared.service(directory, self.app, self.environment) as running,
        ):
            plan = Plan(
                running.base_url, self.seed, str(document), running.jwt_secret, running.accounts
            )
            plan.write(directory)
            yield directory, running, plan

    def peers_configuration(self, directory: Path, plan: Plan) -> dict[str, Any]:
        subject = Subject(plan, self.settings)
        users: list[dict[str, Any]] = []
        for name in plan.accounts.peers or plan.accounts.users[:2]:
            token = subject.log_in(name)
            if token is None:
                raise NotFuzzed(f"{name} could not log in, so that no two users were compared.")
            header = {"name": "Authorization", "value": f"Bearer {token.text}"}
            users.append({"name": name, "fixedHeaders": [header]})
        file = directory / "peers.json"
        file.write_text(json.dumps({"auth": users}))
        names = [str(user["name"]) for user in users]
        return configuration.peers(self.settings, file, names, self.mocked)

    def schemathesis(self, name: str, directory: Path, plan: Plan, arguments: Sequence[str]) -> int:
        """Its exit code. What it says goes to a log; the hooks report each scenario that ends."""
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file", str(directory / "schemathesis.toml"),
            "--no-color",
            "run", plan.document,
            "--url", plan.base_url,
            "--seed", str(self.seed),
            "--report-dir", str(directory),
            *arguments,
        ]  # fmt: skip
        environment = os.environ | {
            PLAN: str(directory / "plan.json"),
            "PYTHONPATH": str(self.project.root),
        }
        with (
            (directory / "schemathesis.log").open("w") as log,
            subprocess.Popen(
                command, cwd=self.project.root, env=environment, stdout=log,
                stderr=subprocess.PIPE, text=True,
            ) as process,
        ):  # fmt: skip
            try:
                assert process.stderr is not None  # it is a pipe
                for line in process.stderr:
                    if line.startswith('{"phase"'):
                        self.screen.ended(json.loads(line), name)
                    else:
                        log.write(line)
                return process.wait()
            finally:
                process.kill()
