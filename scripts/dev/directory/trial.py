"""One document of the sample: served by what is generated, and its mock judged by another judge.

    python -m dev.directory.trial DOCUMENT

Prints one line of JSON, a `Trial`.
"""

import asyncio
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Self

import httpx2 as httpx

from charter.document import Document, DocumentError
from charter.document.checks import check
from charter.mock.answers import NOTE
from charter.mock.samples import Impossible
from charter.runtime import Operation
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence
from dev.bench.documents import operations_of, serve
from dev.bench.peers import CHARTER, HOME
from dev.bench.report import Failed
from dev.witness import Witness
from tests.charter.mock.requests import Requests, meant

MOST_OPERATIONS = 40
"""Of a document, asked of the mock; larger documents are sampled."""
MOST_BODIES = 10
"""Changed bodies of each operation."""
SECONDS = 60
"""For the questions to the mock of one document."""
SECOND_JUDGE = Path(__file__).with_name("second_judge.py")

STRICT = replace(
    CHARTER,
    source="""
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")
    from generated import api, operations, responses, schemas
"""
    + CHARTER.source,
)
"""No module that is generated may warn of anything."""
Verdict = Mapping[str, str | None]
FORMATS = frozenset({"format"})
"""What Charter asserts and the second judge takes for a note: formats outside of numbers."""


@dataclass
class Trial:
    """What came of one document."""

    name: str
    operations: int = 0
    refused: str = ""
    """Why, with the place."""
    requests: int = 0
    """Valid requests."""
    answers: int = 0
    """Bodies of answers that both judges admit."""
    notes: int = 0
    """Answers that say of themselves that the schema admits no such value."""
    bodies: int = 0
    """Changed bodies on which both judges agree."""
    unjudged: int = 0
    """Bodies about which the second judge says nothing, or only one judge asserts a format."""
    wrong: list[str] = field(default_factory=list)
    slow: str = ""

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Self:
        return cls(**json.loads(line))


def main(file: Path) -> None:
    trial = Trial(file.name)
    try:
        document = Document(file)
        check(document)
    except DocumentError as error:
        trial.refused = str(error).partition(f"{file.name}:")[2]
    except Exception:
        trial.wrong.append(f"check: {traceback.format_exc()[-600:]}")
    else:
        generate_and_serve(file, trial)
        with SecondJudge(file) as judge:
            asyncio.run(Asking(Witness(document.content), judge, trial).all())
    print(trial.as_json())


def generate_and_serve(file: Path, trial: Trial) -> None:
    """Generate, import, start, and ask for every operation once."""
    asked = operations_of(file)
    trial.operations = len(asked)
    if isinstance(failed := serve(STRICT, file, asked), Failed):
        if "not done in" in failed.reason:
            trial.slow = f"{failed.stage}: {failed.reason}"
        else:
            trial.wrong.append(f"{failed.stage}: {failed.reason}")


class SecondJudge:
    """`second_judge.py` as a child process."""

    def __init__(self, document: Path) -> None:
        python = HOME / "openapi-schema-validator" / "bin" / "python"
        self.process = subprocess.Popen(
            [python, SECOND_JUDGE, document],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.process.kill()
        self.process.wait()

    def verdict(self, **question: Any) -> Verdict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        verdict: Verdict = json.loads(self.process.stdout.readline())
        return verdict


@dataclass
class Asking:
    """Asks the mock of a document for its operations, and judges what passes."""

    witness: Witness
    judge: SecondJudge
    trial: Trial

    def __post_init__(self) -> None:
        self.contract = self.witness.contract
        self.requests = Requests(self.contract)
        self.random = Random(self.trial.name)  # noqa: S311 - no secret

    async def all(self) -> None:
        chosen = list(self.contract.operations.values())
        if len(chosen) > MOST_OPERATIONS:
            chosen = self.random.sample(chosen, MOST_OPERATIONS)
        transport = httpx.ASGITransport(self.witness)
        end = monotonic() + SECONDS
        async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
            for operation in chosen:
                if monotonic() > end:
                    self.trial.slow = self.trial.slow or f"the mock was asked for {SECONDS} s"
                    return
                try:
                    await self.one(operation, client)
                except Exception:
                    self.wrong(operation, traceback.format_exc()[-600:])

    def wrong(self, operation: Operation, what: str) -> None:
        self.trial.wrong.append(f"{operation.id}: {what}")

    async def one(self, operation: Operation, client: httpx.AsyncClient) -> None:
        try:
            valid = self.requests.of(operation)
        except Impossible:
            self.trial.unjudged += 1
            return
        question = {"path": operation.key, "method": operation.method}
        media_type = self.json_body(operation)
        if media_type is not None:
            question_of_body = question | {"media_type": media_type}
            error = self.judge.verdict(**question_of_body, body=json.loads(valid.content))
            if error.get("error"):
                self.wrong(operation, f"made body: {error['error']}")
        answer = await self.send(valid, client)
        self.trial.requests += 1
        if not self.witness.accepted:
            self.note_refusal(operation, answer)
            return
        self.judge_answer(operation, answer, question)
        # which of several operations at one address is meant is not a matter of the body alone
        if media_type is not None and operation.id not in self.contract.sharing:
            for changed in changes(json.loads(valid.content), self.random):
                await self.send(with_body(valid, changed), client)
                verdict = self.judge.verdict(**question_of_body, body=changed)
                self.compare(operation, changed, verdict)

    async def send(self, request: httpx.Request, client: httpx.AsyncClient) -> httpx.Response:
        self.witness.accepted, self.witness.reasons = False, ()
        return await client.send(request)

    def note_refusal(self, operation: Operation, answer: httpx.Response) -> None:
        reasons = self.witness.reasons
        if [*reasons] == ["No body can be sent here."]:
            self.trial.notes += 1  # `generate` says that its media type is none
        else:
            said = f"{answer.status_code} {reasons}"
            self.wrong(operation, f"a valid request is refused: {said}")

    def json_body(self, operation: Operation) -> str | None:
        """The media type as the document writes it, of a body in JSON with a schema."""
        judge = self.contract.judge
        node = judge.at(operation.place)
        if "requestBody" not in node:
            return None
        contents = judge.resolve(node["requestBody"])["content"]
        for name, content in contents.items():
            if JSON.fullmatch(essence(name)) and "schema" in content:
                return str(name)
        return None

    def judge_answer(
        self, operation: Operation, answer: httpx.Response, question: Mapping[str, str]
    ) -> None:
        specs = [one.response_spec(answer.status_code) for one in meant(self.contract, operation)]
        spec = specs[0]
        if spec is None or not answer.content:
            return
        plain = essence(answer.headers["content-type"])
        declared = next((name for name in spec.contents if essence(name) == plain), None)
        if declared is None or not JSON.fullmatch(plain):
            return
        verdict = self.judge.verdict(
            **question, status=answer.status_code, media_type=declared, body=answer.json()
        )
        if NOTE in answer.headers and verdict.get("error"):
            self.trial.notes += 1
        elif "unjudged" in verdict:
            self.trial.unjudged += 1
        elif verdict["error"] or NOTE in answer.headers:
            self.wrong(operation, f"answer: {verdict['error']} {answer.headers.get(NOTE, '')}")
        else:
            self.trial.answers += 1

    def compare(self, operation: Operation, body: Any, verdict: Verdict) -> None:
        """Both have a reason why a body is invalid, or none."""
        ours = "" if self.witness.accepted else ", ".join(self.witness.reasons)
        if "unjudged" in verdict or set(ours.split(", ")) <= FORMATS:
            self.trial.unjudged += 1
        elif bool(ours) == bool(verdict["error"]):
            self.trial.bodies += 1
        else:
            said = f"{ours or 'accepted'}, but: {verdict['error'] or 'valid'}"
            self.wrong(operation, f"{json.dumps(body)[:200]}: {said}")


def with_body(request: httpx.Request, body: Any) -> httpx.Request:
    """The same request with another body."""
    headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
    content = json.dumps(body).encode()
    return httpx.Request(request.method, request.url, headers=headers, content=content)


VALUES: tuple[Any, ...] = (None, True, -1, 1.5, 10**12, "", "x" * 300, [], {}, [None], {"zz": 1})


def changes(body: Any, random: Random) -> Iterator[Any]:
    """The body with one value in it replaced, left out, or added."""
    for _ in range(MOST_BODIES):
        changed = deepcopy({"body": body})
        holders = list(containers(changed))
        holder = random.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        act = random.randrange(4)
        if act == 0 and isinstance(holder, dict) and holder is not changed:
            holder[f"added{random.randrange(10)}"] = random.choice(VALUES)
        elif not keys:
            continue
        elif act == 1 and holder is not changed:
            del holder[random.choice(keys)]
        else:
            holder[random.choice(keys)] = deepcopy(random.choice(VALUES))
        yield changed["body"]


def containers(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from containers(child)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
