"""Changes the code of services and repositories at random: tests or the gate must notice.

`python -m dev.mutation [--sample 200]` takes a sample of what Cosmic Ray can change (an operator, a
number, a condition), one at a time, in a clone of the last commit. Each is tried by the tests that
name the module, then by `charter fuzz --quick`. A run that was ended goes on where it was. Exit
code 1 if less than nine in ten were noticed; what survived is printed as a patch.

Cosmic Ray changes files and calls a command, so that it fits asyncio, embedded PostgreSQL and a
gate; mutmut calls pytest in its own process, on functions that it replaces, whose signatures the
service reads.
"""

import argparse
import json
import random
import re
import shlex
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

COSMIC_RAY = ("uvx", "--from", "cosmic-ray==8.7.0", "cosmic-ray")
MODULES = ("impl/services", "impl/repositories")
TESTS = ("tests/accounts", "tests/api", "tests/db", "tests/services")
DIRECTORY = Path(".data") / "mutation"
SESSION = "session.sqlite"
SECONDS = 900
"""For one mutant; one that hangs is noticed."""
ENOUGH = 0.9
IN_TYPES = "%BinaryOperator_BitOr%"
"""Operators that change annotations alone, which no import survives."""
CHANGES = """
    SELECT job_id FROM mutation_specs WHERE operator_name NOT LIKE ?
    ORDER BY module_path, operator_name, occurrence, start_pos_row, start_pos_col
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="how many are tried")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--try", dest="tries", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.tries:
        return tried(Path.cwd())
    directory = DIRECTORY.absolute()
    tree = directory / f"tree-{chosen.seed}-{chosen.sample}"
    if not (tree / SESSION).exists():
        begin(tree, chosen.sample, chosen.seed)
    subprocess.run([*COSMIC_RAY, "exec", "cosmic-ray.toml", SESSION], cwd=tree, check=True)
    return conclude(tree)


def begin(tree: Path, sample: int, seed: int) -> None:
    """Clone the last commit, and choose what of it is changed."""
    subprocess.run(["git", "clone", "--quiet", ".", str(tree)], check=True)
    command = shlex.join([sys.executable, "-m", "dev.mutation", "--try"])
    (tree / "cosmic-ray.toml").write_text(
        "[cosmic-ray]\n"
        f"module-path = {json.dumps(MODULES)}\n"
        f"timeout = {SECONDS}\n"
        f"test-command = {json.dumps(command)}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    whole = tree / f"{SESSION}.whole"
    subprocess.run([*COSMIC_RAY, "init", "cosmic-ray.toml", whole.name], cwd=tree, check=True)
    with closing(sqlite3.connect(whole)) as session, session:
        jobs = [job for (job,) in session.execute(CHANGES, (IN_TYPES,))]
        wanted = random.Random(seed).sample(jobs, min(sample, len(jobs)))  # noqa: S311
        session.execute("CREATE TEMPORARY TABLE wanted (job_id)")
        session.executemany("INSERT INTO wanted VALUES (?)", ((job,) for job in wanted))
        for table in ("mutation_specs", "work_items"):
            session.execute(f"DELETE FROM {table} WHERE job_id NOT IN (SELECT * FROM wanted)")  # noqa: S608
    whole.rename(tree / SESSION)


def tried(tree: Path) -> int:
    """The exit code of what notices a mutant: of the tests first, then of the gate."""
    changed = subprocess.run(
        ["git", "diff", "--name-only", "--", *MODULES],
        cwd=tree, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    tests = concerned(tree, [Path(name).stem for name in changed])
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    if tests and (code := subprocess.run(pytest, cwd=tree, check=False).returncode):
        return code
    charter = str(Path(sys.executable).with_name("charter"))
    return subprocess.run([charter, "fuzz", "--quick"], cwd=tree, check=False).returncode


def concerned(tree: Path, stems: Sequence[str]) -> list[str]:
    """The tests that name one of the modules, those that do most often first."""
    counts = Counter[str]()
    for folder in TESTS:
        for file in (tree / folder).glob("test_*.py"):
            text = file.read_text()
            counts[str(file.relative_to(tree))] += sum(
                len(re.findall(stem.rstrip("s"), text)) for stem in stems
            )
    return [name for name, count in counts.most_common() if count]


def conclude(tree: Path) -> int:
    """Print what survived, as patches, and how many did not."""
    query = """
        SELECT module_path, operator_name, test_outcome, diff
        FROM work_results JOIN mutation_specs USING (job_id)
    """
    with closing(sqlite3.connect(tree / SESSION)) as session:
        found = session.execute(query).fetchall()
    survivors = [one for one in found if str(one[2]).upper() == "SURVIVED"]
    for module, operator, _, diff in survivors:
        print(f"\n{module}: {operator}\n{diff}")
    noticed = len(found) - len(survivors)
    print(f"{noticed} of {len(found)} mutants were noticed.")
    return 0 if found and noticed >= ENOUGH * len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
