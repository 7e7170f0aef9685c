"""The page `docs/benchmark.md`."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from textwrap import fill
from time import gmtime, strftime

from dev.bench.peers import SERVER, Tool
from dev.bench.stages import LIMIT_SECONDS

REASON_LENGTH = 100

INTRODUCTION = """\
# Benchmark

What a document costs Charter, and other tools that make a server of one: on one machine, in one
run, one process after the other. `python -m dev.bench.documents` repeats it.

- **Seconds are of CPU**, of a process and its children: other work on the machine changes them less
  than the clock's. Java compiles on several threads: openapi-generator takes fewer by the clock.
- **generate** is a new process that writes the server. **import** and **boot** are another one,
  which serves what was written: until it is imported, and until it has answered a request. The
  libraries are compiled to bytecode before, what was written is not.
- **MiB** is the most that the processes of a stage held at once (RSS), looked at every 20 ms: one
  that is just starting another may count twice. Those that serve have answered every operation.
- `ok 1.5 + 0.7 s, 73 / 49 MiB` is to generate + to boot, and the memory of each. connexion serves
  the document itself. Charter is its generated half, without what `impl/` adds. Tools have their
  own defaults; `--no-treat-dot-as-module` lets datamodel-code-generator generate for Twilio, too.
- Otherwise a cell names the stage that failed, and the tool's last words; **routes** means that
  operations were answered with 404 or 405. A stage has {limit} seconds by the clock.
- Nobody's operations are implemented: any other answer counts, and nothing here says how well
  requests are judged. Of a path with a `#` in it, what stands before that is asked for.

[directory.md](directory.md) says what becomes of 200 documents that nobody here chose, judged by
another validator.

{circumstances}

## Real documents

They are in `tests/data/specs`; its `ORIGINS.tsv` says of each where it is from.
"""

GROWTH = """\
## Documents that grow

One resource again and again: to list by pages, create, get, replace and delete, with bounds,
formats and an enumeration. **warm** is to generate once more in the same process.
"""

CHARTER = ("Charter: generate s", "import s", "boot s", "generate / serve MiB")


@dataclass(frozen=True)
class Served:
    generate_seconds: float
    generate_mebibytes: int
    import_seconds: float
    boot_seconds: float
    boot_clock_seconds: float
    serve_mebibytes: int

    def __str__(self) -> str:
        boot, memory = f"{self.boot_seconds:.1f} s", f"{self.serve_mebibytes} MiB"
        if not self.generate_mebibytes:
            return f"ok {boot}, {memory}"
        return f"ok {self.generate_seconds:.1f} + {boot}, {self.generate_mebibytes} / {memory}"

    @property
    def cells(self) -> list[str]:
        seconds = (self.generate_seconds, self.import_seconds, self.boot_seconds)
        memory = f"{self.generate_mebibytes} / {self.serve_mebibytes}"
        return [*(f"{figure:.1f}" for figure in seconds), memory]


@dataclass(frozen=True)
class Failed:
    stage: str
    reason: str

    def __str__(self) -> str:
        words = " ".join(self.reason.removeprefix("charter: ").split())
        reason = words if len(words) <= REASON_LENGTH else f"{words[:REASON_LENGTH]}…"
        return f"{self.stage}: {reason}".replace("|", "\\|").replace("<", "&lt;")

    @property
    def cells(self) -> list[str]:
        return [str(self), "", "", ""]


@dataclass(frozen=True)
class Row:
    document: str
    operations: int
    results: Sequence[Served | Failed]
    """Charter's first, then those of the other tools."""
    warm_seconds: float = 0


def page(real: Sequence[Row], growing: Sequence[Row], tools: Sequence[Tool]) -> str:
    names = [tool.name for tool in tools[1:]]
    introduction = INTRODUCTION.format(limit=LIMIT_SECONDS, circumstances=circumstances(tools))
    rows = [*map(of_document, real), total(real)]
    parts = [introduction, table(["document", "operations", *CHARTER, *names], rows)]
    if growing:
        head = ["operations", *CHARTER, "warm s", "boot s by the clock", *names]
        parts += [GROWTH, table(head, map(of_size, growing)), growth(growing)]
    return "\n".join(parts)


def circumstances(tools: Sequence[Tool]) -> str:
    names = ("fastapi", "pydantic", "uvicorn", "datamodel-code-generator", "ruff")
    ours = ", ".join(f"{name} {version(name)}" for name in names)
    others = [name for tool in tools for name in tool.requirements if name not in SERVER]
    return fill(
        f"Run on {strftime('%Y-%m-%d', gmtime())}, on {os.cpu_count()} cores ({platform.machine()})"
        f" that had other work (load average {os.getloadavg()[0]:.1f} at the end), with Python"
        f" {platform.python_version()}. Charter has {ours}; the others are"
        f" {', '.join(others) or 'not measured'}.",
        width=100,
        break_on_hyphens=False,
    )


def of_document(row: Row) -> list[str]:
    charter, *others = row.results
    return [row.document, str(row.operations), *charter.cells, *map(str, others)]


def of_size(row: Row) -> list[str]:
    charter, *others = row.results
    clock = f"{charter.boot_clock_seconds:.1f}" if isinstance(charter, Served) else ""
    warm = f"{row.warm_seconds:.1f}"
    return [str(row.operations), *charter.cells, warm, clock, *map(str, others)]


def total(rows: Sequence[Row]) -> list[str]:
    """How many of the documents each tool serves whole."""
    by_tool = zip(*(row.results for row in rows), strict=True)
    whole = (sum(isinstance(result, Served) for result in results) for results in by_tool)
    charter, *others = (f"**{number} of {len(rows)}**" for number in whole)
    return ["**served whole**", "", charter, "", "", "", *others]


def growth(rows: Sequence[Row]) -> str:
    """What one operation more costs, from each size to the next."""
    lines = []
    for small, large in pairwise(rows):
        first, last = small.results[0], large.results[0]
        if isinstance(first, Served) and isinstance(last, Served):
            costs = {
                "to generate": last.generate_seconds - first.generate_seconds,
                "to generate warm": large.warm_seconds - small.warm_seconds,
                "to boot": last.boot_seconds - first.boot_seconds,
            }
            more = large.operations - small.operations
            told = ", ".join(f"{cost / more * 1000:.1f} ms {name}" for name, cost in costs.items())
            lines.append(f"- {small.operations} to {large.operations}: {told}")
    return "\n".join(["What one operation more costs Charter:", "", *lines, ""])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))
