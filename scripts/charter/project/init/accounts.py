"""The part of Charter's own document that a new project begins with: logging in, users, health."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from charter.generate.names import class_name, pascal, snake
from charter.project.template import Answers
from charter.runtime.normal import METHODS, normal
from charter.runtime.references import objects

TAGS = ("auth", "users", "health")
PATHS = ("/auth", "/users", "/livez", "/readyz")
"""How the paths of the accounts begin; where the document has one such, all of them move."""
WORD = "account"
SAMPLE = re.compile(r"\bitems:\w+ ?")
"""The scopes of the sample resource, which stays behind."""

Json = Any
Name = tuple[str, str]
"""The kind of a thing, and its name."""


@dataclass(frozen=True)
class Accounts:
    """A part of a document, and the names in it that are others than in Charter's own document."""

    part: dict[str, Any]
    prefix: str
    """What its paths begin with."""
    operations: Mapping[str, str]
    schemas: Mapping[str, str]
    tags: Mapping[str, str]
    components: Mapping[str, str]
    """Those that are no schemas, each with its kind: `headers/Location`."""


def accounts(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Accounts:
    """What is put into their document: under other names where it has some of the same."""
    part = worded(ours, theirs["openapi"])
    taken = set(called(normal(theirs)))
    moves = any(kind == "path" and name.startswith(PATHS) for kind, name in taken)
    words = chain([WORD], (f"{WORD}{number}" for number in count(2)))
    ways = (Renaming(taken, word, f"/{word}" if moves else "").accounts(part) for word in words)
    return next(way for way in ways if taken.isdisjoint(called(way.part)))


def accounts_again(
    ours: Mapping[str, Any], openapi: str, answers: Answers, taken: Iterable[Name]
) -> Accounts:
    """What a project was made with, as this version has it, under the names that are recorded.

    Names that this version adds get the same word where they are among the taken.
    """
    recorded = set(answers_names(answers))
    return Renaming({*taken, *recorded}, answers_word(answers), answers.prefix).accounts(
        worded(ours, openapi)
    )


def answers_names(answers: Answers) -> Iterator[Name]:
    """What the accounts are called in Charter's own document, of all that got another name."""
    yield from (("operation", pascal(name)) for name in answers.operations)
    yield from (("schemas", class_name(name)) for name in answers.schemas)
    yield from (("tag", snake(name)) for name in answers.tags)
    for place in answers.components:
        kind, _, name = place.partition("/")
        yield kind, class_name(name)


def answers_word(answers: Answers) -> str:
    """The word that was put before them."""
    renamings = (answers.operations, answers.schemas, answers.tags, answers.components)
    names = [answers.prefix.strip("/"), *chain(*(names.values() for names in renamings))]
    found = next(
        filter(None, (re.match(rf"{WORD}\d*", name, re.IGNORECASE) for name in names)), None
    )
    return found[0].lower() if found else WORD


def worded(ours: Mapping[str, Any], openapi: str) -> dict[str, Any]:
    """The part of our document, in the words of a version of OpenAPI."""
    part = kept(ours)
    if openapi.startswith("3.0"):
        part = lowered(part, part["components"]["schemas"])
    return part


# -- what is kept ---------------------------------------------------------------------------------


def kept(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The paths of our tags, each with its own security, and every component that they need."""
    paths: dict[str, Any] = {}
    for path, item in ours["paths"].items():
        used = {tag for _, node in operations(item) for tag in node["tags"]}
        if used and used <= set(TAGS):
            paths[path] = deepcopy(item)
    known = {node["operationId"] for item in paths.values() for _, node in operations(item)}
    for item in paths.values():
        for _, node in operations(item):
            node.setdefault("security", deepcopy(ours["security"]))
            for response in node["responses"].values():
                drop_links(response, known)
    components = reachable(ours, paths)
    components["securitySchemes"] = deepcopy(ours["components"]["securitySchemes"])
    for flow in components["securitySchemes"]["oauth2"]["flows"].values():
        flow["scopes"] = {k: v for k, v in flow["scopes"].items() if not SAMPLE.match(k)}
    tags = [tag for tag in ours["tags"] if tag["name"] in TAGS]
    part: dict[str, Any] = without_sample({"tags": tags, "paths": paths, "components": components})
    return part


def operations(item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, node in item.items():
        if name in METHODS:
            yield name, node


def drop_links(response: dict[str, Any], known: set[str]) -> None:
    links = response.get("links", {})
    links = {name: link for name, link in links.items() if link.get("operationId") in known}
    response.pop("links", None)
    if links:
        response["links"] = links


def reachable(document: Mapping[str, Any], start: Json) -> dict[str, Any]:
    """The components that a node refers to, and those that these refer to."""
    found: dict[str, Any] = {}
    waiting = [start]
    while waiting:
        for reference in references(waiting.pop()):
            _, _, kind, name = reference.split("/")
            if name not in found.setdefault(kind, {}):
                found[kind][name] = deepcopy(document["components"][kind][name])
                waiting.append(found[kind][name])
    ordered = document["components"]
    return {
        kind: {name: found[kind][name] for name in ordered[kind] if name in found[kind]}
        for kind in ordered
        if kind in found
    }


def references(node: Json) -> Iterator[str]:
    for one in objects(node):
        if isinstance(one.get("$ref"), str):
            yield one["$ref"]
        yield from one.get("discriminator", {}).get("mapping", {}).values()


def without_sample(node: Json) -> Json:
    """Texts that name the scopes of items, without them."""
    if isinstance(node, str):
        return SAMPLE.sub("", node).strip() if SAMPLE.search(node) else node
    if isinstance(node, list):
        return [without_sample(child) for child in node]
    if isinstance(node, dict):
        return {name: without_sample(child) for name, child in node.items()}
    return node


# -- OpenAPI 3.0 ----------------------------------------------------------------------------------


def lowered(node: Json, schemas: Mapping[str, Any]) -> Json:
    """The same in the words of OpenAPI 3.0, as far as our document needs them."""
    if isinstance(node, list):
        return [lowered(child, schemas) for child in node]
    if not isinstance(node, dict):
        return node
    made = {name: lowered(child, schemas) for name, child in node.items()}
    if "const" in made:
        made |= {"type": "string", "enum": [made.pop("const")]}
    if isinstance(made.get("type"), list):
        made["type"] = next(name for name in made["type"] if name != "null")
        made["nullable"] = True
    if isinstance(made.get("examples"), list):
        made["example"] = made.pop("examples")[0]
    match made.get("oneOf"):
        case [{"$ref": reference}, {"type": "null"}]:
            named = lowered(schemas[reference.rpartition("/")[2]], schemas)
            made = {**named, **made, "nullable": True}
            del made["oneOf"]
    return made


# -- other names ----------------------------------------------------------------------------------


def called(document: Mapping[str, Any]) -> Iterator[Name]:
    """Everything that a document in its normal form names, as Python would tell it apart."""
    yield from (("tag", snake(tag["name"])) for tag in document.get("tags") or [])
    for path, item in document["paths"].items():
        yield "path", re.sub(r"\{[^{}]*\}", "{}", path)
        for _, node in operations(item):
            yield "operation", pascal(node["operationId"])
            yield from (("tag", snake(tag)) for tag in node["tags"])
    for kind, members in (document.get("components") or {}).items():
        if isinstance(members, Mapping):
            yield from ((kind, class_name(name)) for name in members)


class Renaming:
    """Puts a word before every name that is taken; the paths of a section move together."""

    def __init__(self, taken: set[Name], word: str, prefix: str) -> None:
        self.taken = taken
        self.word = word
        self.prefix = prefix

    def accounts(self, part: Mapping[str, Any]) -> Accounts:
        ids = [node["operationId"] for node in all_operations(part)]
        schemas = part["components"]["schemas"]
        return Accounts(
            self.part(part),
            self.prefix,
            renamed(ids, self.operation),
            renamed(schemas, lambda name: self.component("schemas", name)),
            renamed(TAGS, self.tag),
            {
                f"{kind}/{name}": self.component(kind, name)
                for kind, members in part["components"].items()
                for name in members
                if kind != "schemas" and self.component(kind, name) != name
            },
        )

    def component(self, kind: str, name: str) -> str:
        return self.prefixed(name) if (kind, class_name(name)) in self.taken else name

    def operation(self, name: str) -> str:
        return self.prefixed(name) if ("operation", pascal(name)) in self.taken else name

    def tag(self, name: str) -> str:
        names = {("tag", snake(name)), ("schemas", f"{pascal(name)}Operations")}
        return f"{self.word}-{name}" if names & self.taken else name

    def prefixed(self, name: str) -> str:
        word = self.word if name[:1].islower() else self.word.capitalize()
        return f"{word}{name[:1].upper()}{name[1:]}"

    def part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.node(part)
        made["tags"] = [tag | {"name": self.tag(tag["name"])} for tag in made["tags"]]
        made["paths"] = {f"{self.prefix}{path}": item for path, item in made["paths"].items()}
        made["components"] = {
            kind: {self.component(kind, name): child for name, child in members.items()}
            for kind, members in made["components"].items()
        }
        for scheme in made["components"]["securitySchemes"].values():
            for flow in scheme.get("flows", {}).values():
                flow |= {name: f"{self.prefix}{flow[name]}" for name in ("tokenUrl", "refreshUrl")}
        for node in all_operations(made):
            node["tags"] = [self.tag(tag) for tag in node["tags"]]
            node["security"] = [
                {self.component("securitySchemes", name): asked for name, asked in each.items()}
                for each in node["security"]
            ]
        return made

    def node(self, node: Json) -> Json:
        """References and links as they are called now."""
        if isinstance(node, list):
            return [self.node(child) for child in node]
        if not isinstance(node, dict):
            return self.reference(node)
        made = {name: self.node(child) for name, child in node.items()}
        if isinstance(made.get("operationId"), str):
            made["operationId"] = self.operation(made["operationId"])
        return made

    def reference(self, value: Json) -> Json:
        found = isinstance(value, str) and re.fullmatch(r"#/components/(\w+)/(\w+)", value)
        return f"#/components/{found[1]}/{self.component(found[1], found[2])}" if found else value


def renamed(names: Iterable[str], called: Callable[[str], str]) -> dict[str, str]:
    """The new names of those that get one."""
    return {name: called(name) for name in names if called(name) != name}


def all_operations(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in (part.get("paths") or {}).values():
        yield from (node for _, node in operations(item))
