"""Asks another implementation the same: datamodel-code-generator's own server is the oracle.

    python -m dev.compare_with_reference museum.yaml ogen-tempo.yaml --max-examples 50

For each operation Schemathesis makes valid and invalid requests; the mock, which judges as
generated services do, and the oracle say whether they take them. Each difference is put down to
what caused it, and each cause is explained (`EXPLANATIONS`); one without makes the exit code 1.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import SkipTest

import httpx2 as httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from charter.contract.service_under_test import free_port
from charter.document import Document, DocumentError
from charter.runtime.references import rebuilt
from dev.bench.peers import PEERS
from dev.fuzz_documents import SPECS, in_force, path_of, running
from dev.witness import Witness

REFUSALS = frozenset({400, 404, 405, 406, 413, 415, 422})
UNAUTHENTICATED = frozenset({401, 403})
SECONDS = 180
TOKEN = {"Authorization": "Bearer token"}

EXPLANATIONS: Mapping[str, str] = {
    "only Charter refuses: is not an allowed parameter": (
        "query parameters that the document doesn't list; the oracle passes over them"
    ),
    "only Charter refuses: minimum": "int32 and int64 are bounds; for the oracle they are names",
    "only Charter refuses: maximum": "int32 and int64 are bounds; for the oracle they are names",
    "only Charter refuses: type": "JSON's types as they are: true is no integer, a text no number",
    "only Charter refuses: repeated": "what is one value and was sent twice; the oracle takes one",
    "only Charter refuses: is not well-formed JSON": (
        "a part of a form that holds an object or a list of them is JSON (OpenAPI 3.1, 4.8.14)"
    ),
}
"""Why the two differ, by cause."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m dev.compare_with_reference", description=__doc__
    )
    parser.add_argument("documents", nargs="*", help="files, or names in tests/data/specs")
    parser.add_argument("--max-examples", type=int, default=20, help="of each kind, per operation")
    chosen = parser.parse_args(arguments)
    files = [path_of(name) for name in chosen.documents] or sorted(SPECS.glob("*.[jy]*"))
    compared = [compare(file, chosen.max_examples) for file in files]
    causes = sum((each.causes for each in compared if each), Counter[str]())
    print()
    for cause, count in causes.most_common():
        print(f"{count:6}  {cause}: {EXPLANATIONS.get(cause, 'NOT EXPLAINED')}")
    return 1 if causes.keys() - EXPLANATIONS.keys() else 0


@dataclass
class Comparison:
    asked: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def compare(file: Path, examples: int) -> Comparison | None:
    """One document; None where the oracle can't be made from it, or we refuse it."""
    try:
        document = in_force(Document(file).content)
    except DocumentError as error:
        print(f"{file.name}: refused: {error}", flush=True)
        return None
    folder = Path(mkdtemp(prefix=f"charter-oracle-{file.stem}-"))
    (folder / "openapi.json").write_text(json.dumps(without_emails(document)))
    why_not = make_oracle(folder)
    if why_not is not None:
        print(f"{file.name}: the oracle can't be made: {why_not}", flush=True)
        return None
    port = free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "oracle:app", "--port", str(port)]
    comparison = Comparison()
    with running(uvicorn, f"http://127.0.0.1:{port}", folder / "oracle.log", folder):
        asyncio.run(ask_both(document, f"http://127.0.0.1:{port}", examples, comparison))
    print(
        f"{file.name}: {comparison.asked} requests, {comparison.causes.total()} differences",
        flush=True,
    )
    for cause, shown in comparison.examples.items():
        print(f"  {comparison.causes[cause]:5}  {cause}, e.g. {shown[0]}", flush=True)
    return comparison


# -- the oracle -----------------------------------------------------------------------------------


def without_emails(node: Any) -> Any:
    """The oracle takes another package for them, which says more than JSON Schema's format does."""
    emails = (("format", "email"), ("format", "idn-email"))
    return rebuilt(node, lambda one: dict(pair for pair in one.items() if pair not in emails))


def make_oracle(folder: Path) -> str | None:
    """Generate it; why it can't be served, or None."""
    package = folder / "generated"
    package.mkdir()
    (package / "__init__.py").touch()
    (tool,) = (peer for peer in PEERS if peer.name == "datamodel-code-generator")
    tool.install()  # a newer one than Charter generates with, which writes no servers
    command = [
        str(tool.programs / "datamodel-codegen"),
        "--input", "openapi.json", "--input-file-type", "openapi",
        "--openapi-scopes", "schemas", "api", "--output", "generated/models.py",
        "--output-model-type", "pydantic_v2.BaseModel", "--preset", "standard-py311-20261027",
        "--generate-server", "fastapi", "--server-output", "generated/server",
        "--server-package", "generated.server", "--server-model-package", "generated.models",
        "--server-handler-mode", "async", "--use-missing-sentinel",
        "--target-pydantic-version", "2.14", "--generate-schema-validators",
        "--no-allow-remote-refs",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {SECONDS} s"
    if done.returncode != 0:
        return done.stderr.strip().rpartition("\n")[2][:200]
    services = folder / "generated" / "services"
    services.mkdir(exist_ok=True)
    (services / "authorize.py").write_text("def authorize(*arguments):\n    return object()\n")
    (folder / "oracle.py").write_text("from generated.server.main import app\n")
    importing = [sys.executable, "-c", "import oracle"]
    tried = subprocess.run(importing, cwd=folder, capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2][:200]


# -- the same question ----------------------------------------------------------------------------


async def ask_both(
    document: Mapping[str, Any], address: str, examples: int, comparison: Comparison
) -> None:
    witness = Witness(document)
    ours = httpx.AsyncClient(transport=httpx.ASGITransport(witness), base_url="http://mock")
    limits = httpx.Limits(max_keepalive_connections=0)  # a server may close what it answered
    theirs = httpx.AsyncClient(base_url=address, limits=limits)
    async with ours, theirs:
        for asked in cases(document, address, examples):
            comparison.asked += 1
            witness.accepted, witness.reasons = False, ()
            mine = await ours.send(httpx_request(asked))
            try:
                other = await theirs.send(httpx_request(asked))
            except httpx.TransportError:
                continue  # its server, and not its code, has refused that
            if {mine.status_code, other.status_code} & UNAUTHENTICATED:
                continue  # who may call is nothing that a document judges
            if witness.accepted == (other.status_code not in REFUSALS):
                continue
            for cause in causes(witness, mine, other):
                comparison.causes[cause] += 1
                comparison.examples[cause].append(written(asked, mine, other))


def causes(witness: Witness, mine: httpx.Response, other: httpx.Response) -> Iterator[str]:
    if not witness.accepted:
        reasons = witness.reasons or [f"status {mine.status_code}"]
        yield f"only Charter refuses: {reasons[0]}"
        return
    try:
        detail = other.json()["detail"]
        kinds = (
            {error["type"] for error in detail} if isinstance(detail, list) else {str(detail)[:60]}
        )
    except (ValueError, KeyError, TypeError):
        kinds = {f"status {other.status_code}"}
    yield f"only the oracle refuses: {min(kinds)}"


def written(asked: requests.PreparedRequest, mine: httpx.Response, other: httpx.Response) -> str:
    body = repr(asked.body)[:160] if asked.body else ""
    statuses = f"{mine.status_code} here, {other.status_code} there"
    return f"{asked.method} {(asked.url or '')[21:220]} {body} ({statuses}: {other.text[:160]})"


def cases(
    document: Mapping[str, Any], address: str, examples: int
) -> Iterator[requests.PreparedRequest]:
    """Valid and invalid requests of every operation, the same in every run."""
    schema = schemathesis.openapi.from_dict(dict(document))
    for result in schema.get_all_operations():
        if isinstance(result, Ok):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                strategy = result.ok().as_strategy(generation_mode=mode)
                for case in drawn(strategy, examples):
                    arguments = case.as_transport_kwargs(base_url=address, headers=TOKEN)
                    arguments.pop("cookies", None)
                    yield requests.Request(**arguments).prepare()


def drawn(strategy: SearchStrategy[Any], examples: int) -> list[Any]:
    """Some of what a strategy makes; nothing where it can make nothing."""
    made: list[Any] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(case: Any) -> None:
        made.append(case)

    with suppress(Unsatisfiable, SkipTest):
        keep()
    return made


def httpx_request(asked: requests.PreparedRequest) -> httpx.Request:
    body: Any = asked.body.encode() if isinstance(asked.body, str) else asked.body
    headers = {
        str(name): str(value, "latin-1") if isinstance(value, bytes) else value
        for name, value in asked.headers.items()
        if str(name).lower() != "content-length"
    }
    return httpx.Request(asked.method or "GET", asked.url or "", headers=headers, content=body)


if __name__ == "__main__":
    sys.exit(main())
