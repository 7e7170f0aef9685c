"""Judges bodies by another implementation of OpenAPI's schemas, which shares no code with Charter.

    python second_judge.py DOCUMENT

Stands alone: the interpreter of an environment of its own runs it. It reads a question per line
and prints a verdict per line, both as JSON: `{"path", "method", "media_type", "body"}` asks about
a request, with `"status"` about a response. A verdict is `{"error": null}`, `{"error": why}`, or
`{"unjudged": why}` where the document declares no such body or the validator fails.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from jsonschema.validators import extend  # type: ignore[import-untyped]
from openapi_schema_validator import (  # type: ignore[import-not-found]
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)
from referencing import Registry
from referencing.jsonschema import DRAFT4, DRAFT202012

URI = "urn:document"


def main(file: Path) -> None:
    document = json.loads(file.read_bytes())
    document = plain(document, is_old=document["openapi"].startswith("3.0"))
    for line in sys.stdin:
        print(json.dumps(verdict(document, json.loads(line))), flush=True)


def plain(node: Any, *, is_old: bool) -> Any:
    """Without what the specification gives no say in whether a value is valid.

    A discriminator "MUST NOT change the validation outcome" (3.0.4, "Discriminator Object"), and in
    3.0 all that stands beside a reference "SHALL be ignored" ("Reference Object").
    """
    if isinstance(node, list):
        return [plain(child, is_old=is_old) for child in node]
    if not isinstance(node, dict):
        return node
    if is_old and isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}
    return {
        name: plain(child, is_old=is_old)
        for name, child in node.items()
        if not (name == "discriminator" and isinstance(child, dict) and "propertyName" in child)
    }


def verdict(document: Mapping[str, Any], question: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        place = schema_place(document, question)
        errors = validator(document, place, is_answer="status" in question).iter_errors(
            question["body"]
        )
        error = next(errors, None)
    except Exception as failure:  # whatever it is, there is no verdict
        return {"unjudged": f"{type(failure).__name__}: {failure}"[:200]}
    if error is None:
        return {"error": None}
    return {"error": f"/{'/'.join(map(str, error.absolute_path))} {error.message}"[:300]}


def schema_place(document: Mapping[str, Any], question: Mapping[str, Any]) -> list[str]:
    """The tokens of the schema's JSON Pointer. Raises LookupError where none is declared."""
    operation = follow(document, ["paths", question["path"]])
    operation = follow(document, [*operation, question["method"].lower()])
    if "status" in question:
        responses = at(document, [*operation, "responses"])
        status = str(question["status"])
        names = (status, f"{status[0]}XX", f"{status[0]}xx", "default")
        name = next(name for name in names if name in responses)
        holder = follow(document, [*operation, "responses", name])
    else:
        holder = follow(document, [*operation, "requestBody"])
    contents = at(document, [*holder, "content"])
    media_type = next(name for name in contents if name.lower() == question["media_type"].lower())
    place = [*holder, "content", media_type, "schema"]
    at(document, place)
    return place


def follow(document: Mapping[str, Any], place: list[str]) -> list[str]:
    """Where a node stands once its references are followed."""
    node = at(document, place)
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        place = list(unescaped(node["$ref"]))
        node = at(document, place)
    return place


def unescaped(reference: str) -> Iterator[str]:
    for token in unquote(reference.partition("#")[2]).split("/")[1:]:
        yield token.replace("~1", "/").replace("~0", "~")


def at(node: Any, place: list[str]) -> Any:
    for token in place:
        node = node[int(token)] if isinstance(node, list) else node[token]
    return node


def validator(document: Mapping[str, Any], place: list[str], *, is_answer: bool) -> Any:
    pointer = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in place)
    schema = {"$ref": f"{URI}#{quote(pointer, safe='/~')}"}
    old = document["openapi"].startswith("3.0")
    specification = DRAFT4 if old else DRAFT202012
    registry = Registry().with_resource(URI, specification.create_resource(document))
    if old:
        # what is `readOnly` "SHOULD NOT be sent as part of the request", which makes none invalid
        lenient = extend(OAS30WriteValidator, {"readOnly": lambda *_: ()})
        kind = OAS30ReadValidator if is_answer else lenient
        return kind(schema, registry=registry, format_checker=oas30_format_checker)
    return OAS31Validator(schema, registry=registry, format_checker=oas31_format_checker)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
