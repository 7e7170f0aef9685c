"""The work of `charter fuzz`: Schemathesis against a running service, and a gate that judges it."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx

from charter.contract.gate import Run, table, verdict
from charter.contract.service_under_test import Trial, trial
from charter.errors import Refusal
from charter.runtime import Contract

ROOT = Path.cwd()
CONFIGURATION = ROOT / "tests" / "contract" / "schemathesis.toml"
PEERS_CONFIGURATION = CONFIGURATION.with_name("peers.toml")
DOCUMENT = ROOT / "generated" / "openapi.json"
REPORTS = ROOT / ".data" / "fuzz"


class FuzzError(Refusal):
    """The fuzzing did not take place; the message says where to look."""


def run(
    *,
    max_examples: int | None = None,
    seed: int | None = None,
    nightly: bool = False,
    peers: bool = False,
    reports: Path = REPORTS,
) -> int:
    """Fuzz, follow the links, try two peers; the exit code: 0 when the gate opens, else 1."""
    depth = NIGHTLY if nightly else DAILY
    examples = max_examples or depth.examples
    seed = seed if seed is not None else depth.seed()
    print(f"Fuzzing with seed {seed} and {examples} examples for each operation.", flush=True)
    attempt = Attempt(seed, "impl.app:create_app", {}, reports)
    found = list(attempt.peers(examples // 4).failures())
    if not peers:
        main, stateful = attempt.main(examples), attempt.stateful(depth.stateful_seconds)
        print(table(main, stateful))
        found += verdict(main, stateful, contract())
    for finding in found:
        print(f"gate: {finding}")
    print(f"The gate is {'shut' if found else 'open'}; the reports are in {reports}.")
    return 1 if found else 0


def contract() -> Contract:
    """What the service on trial has promised."""
    return Contract.load(DOCUMENT)


@dataclass(frozen=True)
class Depth:
    """How much a run looks at."""

    examples: int
    stateful_seconds: int
    repeatable: bool

    def seed(self) -> int:
        """New each day and the same all day long, or new each time."""
        if self.repeatable:
            return datetime.now(UTC).date().toordinal()
        return secrets.randbelow(2**32)


DAILY = Depth(examples=200, stateful_seconds=90, repeatable=True)
NIGHTLY = Depth(examples=1000, stateful_seconds=600, repeatable=False)


@dataclass(frozen=True)
class Attempt:
    """What all runs of one attempt have in common."""

    seed: int
    app: str
    environment: Mapping[str, str]
    reports: Path

    def main(self, examples: int, *arguments: str) -> Run:
        phases = ("--phases", "examples,coverage,fuzzing")
        return self.run("main", *phases, "--max-examples", str(examples), *arguments)

    def stateful(self, seconds: int, *arguments: str) -> Run:
        phases = ("--phases", "stateful")
        return self.run("stateful", *phases, "--max-time", str(seconds), *arguments)

    def peers(self, examples: int) -> Run:
        return self.run("peers", "--max-examples", str(max(1, examples)), peers=True)

    def run(self, name: str, *arguments: str, peers: bool = False) -> Run:
        """One run of Schemathesis on a service and a database of its own."""
        directory = self.reports / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        with trial(directory, app=self.app, extra=self.environment) as subject:
            configuration = CONFIGURATION
            if peers:
                configuration = write_peers(directory, log_in_peers(subject))
            code = self._schemathesis(subject, configuration, directory, arguments)
        try:
            return Run.read(name, directory, code)
        except FileNotFoundError as error:
            log = directory / "schemathesis.log"
            raise FuzzError(f"Schemathesis did not run; its last words are in {log}.") from error

    def _schemathesis(
        self, subject: Trial, configuration: Path, directory: Path, arguments: Sequence[str]
    ) -> int:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file", str(configuration),
            "--no-color",
            "run", str(DOCUMENT),
            "--url", subject.base_url,
            "--seed", str(self.seed),
            "--report-dir", str(directory),
            *arguments,
        ]  # fmt: skip
        environment = {
            "FUZZ_BASE_URL": subject.base_url,
            "FUZZ_SEED": str(self.seed),
            "FUZZ_JWT_SECRET": subject.jwt_secret,
            "PYTHONPATH": str(ROOT),
        }
        with (directory / "schemathesis.log").open("w") as log:
            done = subprocess.run(
                command,
                cwd=configuration.parent,
                env=os.environ | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return done.returncode


def log_in_peers(subject: Trial) -> dict[str, str]:
    """An access token for each of the two ordinary users."""
    from tests.contract.accounts import PASSWORD, PEERS

    tokens = {}
    for email in PEERS:
        form = {"grant_type": "password", "username": email, "password": PASSWORD}
        response = httpx.post(f"{subject.base_url}/auth/token", data=form)
        tokens[email] = response.raise_for_status().json()["access_token"]
    return tokens


def write_peers(directory: Path, tokens: Mapping[str, str]) -> Path:
    """A configuration in which two users must not see each other's objects.

    Schemathesis takes either these or the identities of hooks, so that it is a run of its own.
    """
    users = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in tokens.items()
    ]
    (directory / "peers.json").write_text(json.dumps({"auth": users}))
    configuration = directory / "schemathesis.toml"
    configuration.write_text(PEERS_CONFIGURATION.read_text())
    return configuration
