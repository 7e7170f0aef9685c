"""Proves that documents are enforced: Schemathesis asks the mock of each, and finds nothing.

    python -m dev.fuzz_documents                      # every document in tests/data/specs
    python -m dev.fuzz_documents museum.yaml --seconds 300

The mock judges with the runtime of generated services. What a document itself causes is explained
by a rule (`EXPLANATIONS`); anything else is a finding, and the exit code is 1.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import Any

from charter.contract.service_under_test import free_port, wait_until_it_answers
from charter.document import Document, DocumentError
from charter.document.checks import check
from charter.runtime import Contract, Operation
from charter.runtime.bodies import FormContent, JsonContent, TextContent
from charter.runtime.judge import Judge
from charter.runtime.normal import IGNORED_HEADERS, METHODS
from charter.runtime.patterns import strict
from charter.runtime.references import objects, place_of, rebuilt, resolve
from charter.runtime.shapes import Shape, values_of

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "tests" / "data" / "specs"
STATEFUL = "use_after_free,ensure_resource_availability"
"""Checks that need a state: the mock runs without memory, so that every request stands alone."""
ANNOTATIONS = frozenset({"description", "example", "examples", "title"})
RARE_STYLES = ("label", "matrix", "pipeDelimited", "spaceDelimited")
CONTRADICTORY = "a schema contradicts itself, or JSON Schema, so that Schemathesis has not asked"
CONFIGURATION = """
continue-on-failure = true
workers = 1
[cache]
enabled = false
[generation]
mode = "all"
database = "none"
with-security-parameters = false
"""

Json = Any


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.fuzz_documents", description=__doc__)
    parser.add_argument("documents", nargs="*", help="files, or names in tests/data/specs")
    parser.add_argument("--seconds", type=int, default=60, help="for each document")
    parser.add_argument("--max-examples", type=int, help="for each operation, instead of seconds")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    files = [path_of(name) for name in chosen.documents] or sorted(SPECS.glob("*.[jy]*"))
    limit = ("--max-time", str(chosen.seconds))
    if chosen.max_examples is not None:
        limit = ("--max-examples", str(chosen.max_examples))
    return 1 if sum([prove(file, *limit, "--seed", str(chosen.seed)) for file in files]) else 0


def path_of(name: str) -> Path:
    return Path(name) if Path(name).exists() else SPECS / name


def prove(file: Path, *limits: str) -> int:
    """One document: print what was found; the number of findings that nothing explains."""
    try:
        read = Document(file)
        check(read)
        document = in_force(read.content)
    except DocumentError as error:
        print(f"{file.name}: refused: {error}", flush=True)
        return 0
    contract = Contract(document, body_limit=0, check_rate=0, on_violation=lambda violation: None)
    if not contract.operations:
        print(f"{file.name}: it has no operations", flush=True)
        return 0
    folder = Path(mkdtemp(prefix=f"charter-proof-{file.stem}-"))
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(CONFIGURATION + credentials(document))
    started = monotonic()
    with mock(folder / "openapi.json", folder / "mock.log") as address:
        ask(folder, address, *limits)
    report = json.loads(next(folder.glob("json-*.json")).read_text())
    explained, open_findings = sorted_out(report, contract)
    cases = report["test_cases"]["generated"]
    verdict = f"{len(open_findings)} findings" if open_findings else "nothing found"
    print(
        f"{file.name}: {len(contract.operations)} operations, {cases} requests,"
        f" {monotonic() - started:.0f} s: {verdict}",
        flush=True,
    )
    for reason, count in explained.items():
        print(f"  explained {count} times: {reason}", flush=True)
    for finding in open_findings:
        print(f"  {finding}; see {folder}/schemathesis.log", flush=True)
    return len(open_findings)


def sorted_out(report: Mapping[str, Any], contract: Contract) -> tuple[Counter[str], list[str]]:
    """How often each reason explains a finding, and the findings that nothing explains."""
    explained, unexplained = Counter[str](), list[str]()
    for failure in report["failures"]:
        for label in failure["operations"]:
            reason = explanation(contract, label, {failure["code"], failure["title"]})
            if reason is None:
                unexplained.append(f"{failure['code']} {failure['title']} at {label}")
            else:
                explained[reason] += 1
    for unasked in report["errors"]:
        if unasked.get("title") == "Schema Error":
            explained[CONTRADICTORY] += unasked["count"]
        else:
            unexplained.append(f"error: {unasked}")
    return explained, unexplained


# -- what Schemathesis reads ----------------------------------------------------------------------


def in_force(content: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with what OpenAPI says of every document said in it.

    Paths that no request has are out, and so are parameters that are to be ignored; refusals are
    declared where nothing says how the operation refuses; all bearer tokens are of one kind.
    Patterns are in the strict form, for Schemathesis passes over those that are not.
    """
    document: dict[str, Any] = json.loads(json.dumps(content, default=str))
    paths = document.get("paths") or {}
    document["paths"] = {name: item for name, item in paths.items() if not set(name) & set("#?")}
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name, scheme in schemes.items():
        if scheme.get("type") in ("oauth2", "openIdConnect"):
            schemes[name] = {"type": "http", "scheme": "bearer"}
    document = rebuilt(document, with_strict_pattern)
    for item in document["paths"].values():
        for node in (item, *(item[method] for method in METHODS if method in item)):
            if "parameters" in node:
                node["parameters"] = [p for p in node["parameters"] if not is_ignored(document, p)]
            if node is not item:
                says = node.setdefault("responses", {"default": {"description": "Anything."}})
                if "default" not in says:
                    says.setdefault("4XX", {"description": "A refusal."})
    return document


def with_strict_pattern(node: dict[str, Any]) -> dict[str, Any]:
    pattern = node.get("pattern")
    return node | {"pattern": strict(pattern)} if isinstance(pattern, str) else node


def is_ignored(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> bool:
    node = resolve(document, parameter)
    return node["in"] == "header" and node["name"].lower() in IGNORED_HEADERS


def credentials(document: Mapping[str, Any]) -> str:
    """One for every scheme."""
    lines = []
    for name, scheme in document.get("components", {}).get("securitySchemes", {}).items():
        match scheme:
            case {"type": "apiKey"}:
                shown = 'api_key = "key"'
            case {"type": "http", "scheme": kind} if kind.lower() == "basic":
                shown = 'username = "ada"\npassword = "key"'
            case {"type": "http"}:
                shown = 'bearer = "token"'
            case _:
                continue
        lines.append(f"[auth.openapi.{json.dumps(name)}]\n{shown}\n")
    return "\n".join(lines)


# -- who asks, and who answers --------------------------------------------------------------------


def mock(document: Path, log: Path) -> AbstractContextManager[str]:
    """The address of a mock that remembers nothing."""
    port = free_port()
    command = [sys.executable, "-c", "from charter.cli import main; main()", "mock", str(document)]
    options = ["--port", str(port), "--no-memory", "--no-watch"]
    return running([*command, *options], f"http://127.0.0.1:{port}", log, ROOT)


@contextmanager
def running(command: Sequence[str], address: str, log: Path, folder: Path) -> Iterator[str]:
    """The address of a server that is ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            wait_until_it_answers(process, address, log)
            yield address
        finally:
            process.terminate()
            process.wait()


def ask(folder: Path, address: str, *limits: str) -> None:
    """Runs Schemathesis's coverage and fuzzing phases; writes its report into the folder."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(folder / "schemathesis.toml"), "--no-color",
        "run", str(folder / "openapi.json"), "--url", address,
        "--phases", "coverage,fuzzing", *limits,
        "--checks", "all", "--exclude-checks", STATEFUL,
        "--report", "json", "--report-dir", str(folder),
    ]  # fmt: skip
    with (folder / "schemathesis.log").open("w") as log:
        subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False)


# -- what a document itself causes ----------------------------------------------------------------


Rule = Callable[[Contract, Operation], bool]
EXPLANATIONS: list[tuple[str, frozenset[str], Rule]] = []


def explains(reason: str, *codes: str) -> Callable[[Rule], Rule]:
    """Registers a rule: where it applies, findings with one of the codes are the document's own."""

    def register(rule: Rule) -> Rule:
        EXPLANATIONS.append((reason, frozenset(codes), rule))
        return rule

    return register


def explanation(contract: Contract, label: str, called: set[str]) -> str | None:
    """Why a finding is the document's own."""
    method, _, path = label.partition(" ")
    operation = next(
        one for one in contract.operations.values() if (one.method, one.path) == (method, path)
    )
    for reason, codes, applies in EXPLANATIONS:
        if codes & called and applies(contract, operation):
            return reason
    return None


@explains(
    "any credential will do for a mock; one without is refused",
    "API accepts invalid authentication",
)
def asks_for_credentials(contract: Contract, operation: Operation) -> bool:
    return bool(operation.security)


@explains("it declares no success, so that none is answered", "ST101", "ST202")
def has_no_success(contract: Contract, operation: Operation) -> bool:
    has_status = any(200 <= status < 400 for status in operation.response_specs)
    return not has_status and operation.ranges.keys().isdisjoint({"2XX", "3XX", "default"})


@explains("bodies that are neither JSON, forms nor text are handed over as bytes", "ST201")
def hands_over_bytes(contract: Contract, operation: Operation) -> bool:
    body = contract.reader(operation.id).body
    judged = (JsonContent, TextContent)
    return body is not None and not all(
        isinstance(content, judged) for content in body.contents.values()
    )


@explains("`nullable` is a word of 3.0, and says nothing from 3.1 on", "ST202")
def says_nullable(contract: Contract, operation: Operation) -> bool:
    document = contract.judge.document
    return not str(document["openapi"]).startswith("3.0") and '"nullable"' in json.dumps(document)


@explains(
    "its discriminator's values are neither names of the alternatives nor mapped to them", "ST111"
)
def misnames_alternatives(contract: Contract, operation: Operation) -> bool:
    judge = contract.judge
    for node in objects(judge.document):
        if not isinstance(node.get("discriminator"), dict):
            continue
        name = node["discriminator"].get("propertyName")
        mapped = node["discriminator"].get("mapping", {})
        for alternative in (*node.get("oneOf", ()), *node.get("anyOf", ())):
            reference = alternative.get("$ref", "")
            known = {value for value, target in mapped.items() if target == reference}
            said = judge.resolve(alternative).get("properties", {}).get(name, {})
            values = judge.resolve(said).get("enum", [judge.resolve(said).get("const")])
            if not (known or {reference.rpartition("/")[2]}).intersection(map(str, values)):
                return True
    return False


@explains("its alternatives don't say which value of the discriminator is theirs", "ST201", "ST202")
def leaves_alternatives_alike(contract: Contract, operation: Operation) -> bool:
    """What is named `Bike` is a `Car` to JSON Schema, where a car's name may be any string, and so
    it is two of `oneOf`."""
    judge = contract.judge
    body = judge.at(operation.place).get("requestBody")
    for node in reachable(judge, body):
        alternatives = (*node.get("oneOf", ()), *node.get("anyOf", ()))
        if not isinstance(node.get("discriminator"), dict) or not alternatives:
            continue
        name = node["discriminator"].get("propertyName")
        taken: set[str] = set()
        for alternative in alternatives:
            own = fixed(Shape(judge, alternative).member(name))
            if not own or own & taken:
                return True
            taken |= own
    return False


def fixed(shape: Shape) -> set[str]:
    """The only values that there are, if they are listed."""
    return {json.dumps(value) for part in shape.parts for value in values_of(part)}


def reachable(judge: Judge, node: Json) -> Iterator[Mapping[str, Any]]:
    """The objects in a node, and in what they refer to."""
    waiting, seen = [node], set[str]()
    while waiting:
        for child in objects(waiting.pop()):
            yield child
            reference = child.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                waiting.append(judge.at(place_of(reference)))


@explains("its answer would have to hold itself, without an end", "ST108")
def answers_without_end(contract: Contract, operation: Operation) -> bool:
    judge = contract.judge
    return any(
        content.schema_place is not None and is_endless(judge, judge.at(content.schema_place))
        for content in operation.contents
    )


@explains("the alternatives of its answer are the same, so that none is the one", "ST108")
def answers_with_nothing(contract: Contract, operation: Operation) -> bool:
    judge = contract.judge
    places = [content.schema_place for content in operation.contents]
    schemas = [judge.resolve(judge.at(place)) for place in places if place is not None]
    alternatives = [schema.get("oneOf", ()) for schema in schemas if isinstance(schema, Mapping)]
    return any(are_the_same(map(judge.resolve, several)) for several in alternatives)


def are_the_same(schemas: Iterable[Json]) -> bool:
    """Whether there is another one like each of them."""
    known = Counter(json.dumps(bare(schema), sort_keys=True) for schema in schemas)
    return bool(known) and min(known.values()) > 1


def bare(schema: Json) -> Json:
    """A schema without what says nothing of a value."""
    if not isinstance(schema, dict):
        return schema
    kept = {name: child for name, child in schema.items() if name not in ANNOTATIONS}
    members = kept.get("properties")
    if isinstance(members, dict):
        kept["properties"] = {name: bare(member) for name, member in members.items()}
    return kept


@explains("none of a parameter's listed values is of its type", "ST202")
def admits_no_value(contract: Contract, operation: Operation) -> bool:
    for parameter in operation.parameters:
        if parameter.media_type is not None:
            continue
        listed = [value for part in parameter.style.shape.parts for value in part.get("enum", ())]
        if listed and not any(map(parameter.validator.is_valid, listed)):
            return True
    return False


def is_endless(judge: Judge, schema: Json, within: tuple[str, ...] = ()) -> bool:
    if not isinstance(schema, Mapping):
        return False
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in within:
            return True
        if is_endless(judge, judge.at(place_of(reference)), (*within, reference)):
            return True
    members = schema.get("properties", {})
    needed = [members[name] for name in schema.get("required", ()) if name in members]
    needed += schema.get("allOf", ())
    if schema.get("minItems", 0) > 0:
        needed.append(schema.get("items"))
    choices = [schema[keyword] for keyword in ("oneOf", "anyOf") if keyword in schema]
    return any(is_endless(judge, one, within) for one in needed) or any(
        all(is_endless(judge, one, within) for one in choice) for choice in choices
    )


@explains("OpenAPI leaves open how a style writes a list of objects", "ST202")
def lists_objects(contract: Contract, operation: Operation) -> bool:
    return any(
        parameter.media_type is None and parameter.style.shape.element.is_object
        for parameter in operation.parameters
    )


@explains(
    "Schemathesis writes compounds in this style otherwise; test_everything.py proves each",
    "ST201",
    "ST202",
)
def writes_compounds(contract: Contract, operation: Operation) -> bool:
    body = contract.reader(operation.id).body
    contents = body.contents.values() if body is not None else ()
    forms = (one.encodings.values() for one in contents if isinstance(one, FormContent))
    return any(encoding.is_styled for form in forms for encoding in form) or any(
        parameter.media_type is None
        and (parameter.style.shape.is_object or parameter.style.style in RARE_STYLES)
        for parameter in operation.parameters
    )


@explains("a form spells a text and a list of one alike", "ST201")
def takes_a_form(contract: Contract, operation: Operation) -> bool:
    body = contract.reader(operation.id).body
    return body is not None and any(
        isinstance(content, FormContent) for content in body.contents.values()
    )


@explains("a client may have cookies of others, too", "ST201")
def takes_cookies(contract: Contract, operation: Operation) -> bool:
    return any(parameter.place == "cookie" for parameter in operation.parameters)


if __name__ == "__main__":
    sys.exit(main())
