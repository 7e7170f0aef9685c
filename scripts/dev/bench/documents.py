"""What documents cost, beside other tools: `python -m dev.bench.documents`.

Writes `docs/benchmark.md`: whether each tool makes a server of each document, in which time and
with how much memory.
"""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import yaml

from charter.runtime.normal import operations
from charter.runtime.references import resolve
from dev.bench.peers import CHARTER, PEERS, Tool
from dev.bench.report import Failed, Row, Served, page
from dev.bench.stages import Stage, run

ROOT = Path(__file__).resolve().parents[3]
SPECS = ROOT / "tests" / "data" / "specs"
PAGE = ROOT / "docs" / "benchmark.md"
SIZES = (10, 100, 300, 1000)
RESOURCE = Path(__file__).with_name("resource.yaml")
PER_RESOURCE = 5
FIRST_ANSWER = Path(__file__).with_name("first_answer.py")
NOTHING = Stage(seconds=0, mebibytes=0, output="", reason="")
WARM = """
import os, sys
from pathlib import Path
from charter.generate.generator import generate
generate(Path(sys.argv[1]))
before = sum(os.times()[:4])
generate(Path(sys.argv[1]))
print(sum(os.times()[:4]) - before)
"""


def main(
    document: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One of the real documents, or a file; repeatable."),
    ] = None,
    peers: Annotated[bool, typer.Option(help="Measure the other tools, too.")] = True,
    scaling: Annotated[bool, typer.Option(help="Measure documents of growing size, too.")] = True,
    output: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Measure what documents cost Charter and other tools."""
    tools = [CHARTER, *(peer for peer in PEERS if peers)]
    for tool in tools:
        tool.install()
    measure_size(PER_RESOURCE, tools)  # what it imports is compiled from now on
    every = [path.name for path in sorted(SPECS.glob("*")) if path.suffix != ".tsv"]
    real = [measure(path(name), tools) for name in document or every]
    growing = [measure_size(size, tools) for size in SIZES if scaling]
    output.write_text(page(real, growing, tools))


def path(name: str) -> Path:
    return (SPECS / name if (SPECS / name).exists() else Path(name)).resolve()


def measure_size(size: int, tools: Sequence[Tool]) -> Row:
    """Of a document that has so many operations."""
    with TemporaryDirectory(prefix="charter-bench-") as folder:
        document = Path(folder) / f"{size}-operations.json"
        document.write_text(json.dumps(repeated(size // PER_RESOURCE)))
        row = measure(document, tools)
        warm = run([sys.executable, "-c", WARM, str(document)], ROOT, os.environ)
        return replace(row, warm_seconds=float(warm.output))


def repeated(times: int) -> dict[str, Any]:
    """The document of one resource, with so many of it."""
    text = RESOURCE.read_text()
    made: dict[str, Any] = load(text)
    for number in range(1, times):
        more = load(re.sub(r"(Things?|things|Page|Draft)0", rf"\g<1>{number}", text))
        made["paths"] |= more["paths"]
        made["components"]["schemas"] |= more["components"]["schemas"]
    return made


def measure(document: Path, tools: Sequence[Tool]) -> Row:
    asked = operations_of(document)
    results = [serve(tool, document, asked) for tool in tools]
    told = "; ".join(f"{tool.name}: {result}" for tool, result in zip(tools, results, strict=True))
    print(f"{document.name}, {len(asked)} operations: {told}", file=sys.stderr, flush=True)
    return Row(document.name, len(asked), results)


def operations_of(document: Path) -> list[tuple[str, str]]:
    """Method and path of each, of any version of OpenAPI."""
    content = load(document.read_text())
    items = {path: resolve(content, item) for path, item in content.get("paths", {}).items()}
    return [(method.upper(), path) for path, method, _ in operations({"paths": items})]


def load(text: str) -> Any:
    return yaml.load(text, yaml.CSafeLoader)  # many times as fast as safe_load


def serve(tool: Tool, document: Path, asked: Sequence[tuple[str, str]]) -> Served | Failed:
    with TemporaryDirectory(prefix="charter-bench-") as folder:
        out = Path(folder)
        environ = tool.environ(document, out)
        generated = NOTHING
        if tool.command:
            command = [str(document) if word == "DOCUMENT" else word for word in tool.command]
            generated = run(command, out, environ)
            if generated.reason:
                return failed("generate", generated, document, out)
        if tool.source:
            (out / "served.py").write_text(tool.source)
        (out / "asked.json").write_text(json.dumps(asked))
        start = [str(FIRST_ANSWER), str(time.monotonic()), tool.application, "asked.json"]
        served = run(["python", "-P", *start], out, environ)
    figures: dict[str, float] = {}
    for line in served.output.splitlines():
        if line.startswith('{"'):  # not what the application prints
            figures |= json.loads(line)
    stages = {"imported": "import", "booted": "boot", "answered": "routes"}
    for figure, stage in stages.items():
        if figure not in figures:
            return failed(stage, served, document, out)
    if figures["answered"] < len(asked):
        return Failed("routes", f"{figures['answered']} of {len(asked)} operations answer")
    return Served(
        generate_seconds=generated.seconds,
        generate_mebibytes=generated.mebibytes,
        import_seconds=figures["imported"],
        boot_seconds=figures["booted"],
        boot_clock_seconds=figures["clock"],
        serve_mebibytes=served.mebibytes,
    )


def failed(stage: str, process: Stage, document: Path, out: Path) -> Failed:
    """Without the paths of this machine."""
    reason = process.reason or "it ended without a word"
    for folder in (document.parent, out):
        reason = reason.replace(f"{folder}/", "")
    return Failed(stage, reason)


if __name__ == "__main__":
    typer.run(main)
