"""The page `docs/directory.md`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from time import gmtime, strftime

from dev.directory.trial import MOST_BODIES, MOST_OPERATIONS, Trial


class Outcome(StrEnum):
    WHOLE = "whole"
    RIGHTLY_REFUSED = "rightly refused"
    WRONGLY_REFUSED = "wrongly refused"
    WRONG = "wrong"
    SLOW = "slow"


RIGHTLY = {
    r" is the same as ": (
        'OpenAPI 3.0.4 "Paths Object": "Templated paths with the same hierarchy but different'
        ' templated names MUST NOT exist as they are identical"'
    ),
    r"The path parameter .* is not declared": (
        'OpenAPI 3.0.4 "Path Templating": "Each template expression in the path MUST correspond'
        ' to a path parameter"'
    ),
    r"The operationId .* is also that of": (
        'OpenAPI 3.0.4 "Operation Object": "The id MUST be unique among all operations"'
    ),
}
"""What the specification says of documents that are refused by such a message."""


def outcome(trial: Trial) -> Outcome:
    if trial.refused:
        return Outcome.RIGHTLY_REFUSED if clause(trial.refused) else Outcome.WRONGLY_REFUSED
    if trial.wrong:
        return Outcome.WRONG
    return Outcome.SLOW if trial.slow else Outcome.WHOLE


def clause(message: str) -> str:
    """The words of the specification that a refused document breaks, if any are known."""
    return next((said for sign, said in RIGHTLY.items() if re.search(sign, message)), "")


INTRODUCTION = """\
# Documents that nobody here chose

{number} documents of {package}, drawn by the seed {seed}:
`python -m dev.directory --sample {number} --seed {seed}` repeats it. Run on {day}.

Each document is generated from, imported with warnings as errors, started, and asked for every
operation. Its mock gets a valid request for up to {operations} operations, and up to {bodies}
changed bodies for each that takes JSON. openapi-schema-validator, which shares no code with
Charter, judges what the mock answers, and whether a changed body is valid; formats other than those
of numbers are no difference, as that judge takes them for notes.

| outcome | documents |
|---|---:|
{outcomes}

{asked} valid requests; {answers} answers in JSON that both judges admit, {notes} that say of
themselves that their schema admits no value; {agreed} changed bodies on which both judges agree,
{unjudged} that the other judge can't judge.
"""


def page(trials: Sequence[Trial], package: str, seed: int) -> str:
    counted = Counter(map(outcome, trials))
    head = INTRODUCTION.format(
        number=len(trials),
        package=package,
        seed=seed,
        day=strftime("%Y-%m-%d", gmtime()),
        operations=MOST_OPERATIONS,
        bodies=MOST_BODIES,
        outcomes="\n".join(f"| {one} | {counted[one]} |" for one in Outcome),
        asked=sum(trial.requests for trial in trials),
        answers=sum(trial.answers for trial in trials),
        notes=sum(trial.notes for trial in trials),
        agreed=sum(trial.bodies for trial in trials),
        unjudged=sum(trial.unjudged for trial in trials),
    )
    return "\n".join([head, *table(trials)]) + "\n"


def table(trials: Iterable[Trial]) -> list[str]:
    rows = [
        "| document | operations | outcome | requests | bodies | said |",
        "|---|---:|---|---:|---:|---|",
    ]
    for trial in sorted(trials, key=lambda trial: trial.name):
        result = outcome(trial)
        said = trial.refused or "; ".join(trial.wrong[:2]) or trial.slow
        if result is Outcome.RIGHTLY_REFUSED:
            said = f"{said} ({clause(trial.refused)})"
        cell = " ".join(said.replace("|", "\\|").split())[:400]
        rows.append(
            f"| {trial.name} | {trial.operations or ''} | {result} | {trial.requests or ''} |"
            f" {trial.bodies or ''} | {cell} |"
        )
    return rows
