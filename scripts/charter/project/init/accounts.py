"""The part of Charter's own document that a new project begins with: logging in, users, health."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from charter.generate.names import Names, class_name, method, pascal, snake
from charter.runtime.normal import METHODS, normal

TAGS = ("auth", "users", "health")
SECTIONS = (("/auth", "/users"), ("/livez", "/readyz"))
"""How the paths begin that move together where the document has some of them itself."""
WORD = "account"
SAMPLE = re.compile(r"\bitems:\w+ ?")
"""The scopes of the sample resource, which stays behind."""

Json = Any
Name = tuple[str, str]
"""The kind of a thing, and its name."""


@dataclass(frozen=True)
class Accounts:
    """A part of a document, and what its names in Python have become, by what they were."""

    part: dict[str, Any]
    renamed: Mapping[str, str]
    word: str
    moved: tuple[str, ...]
    """How the paths began that begin with the word now."""
    tags: Mapping[str, str]
    """What they are called, by what they were."""

    def in_code(self, text: str) -> str:
        """Hand-written code that calls everything by its new name."""
        if self.renamed:
            names = "|".join(sorted(map(re.escape, self.renamed), key=len, reverse=True))
            text = re.sub(rf"(?<!\w)({names})\b", lambda match: self.renamed[match[0]], text)
        if self.moved:
            sections = "|".join(section[1:] for section in self.moved)
            text = re.sub(rf"(?<=[\"'}} `\d])/({sections})\b(?!\.)", rf"/{self.word}/\1", text)
        return text

    def path(self, path: str) -> str:
        return f"/{self.word}{path}" if path.startswith(self.moved) else path


def accounts(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Accounts:
    """What is put into their document: under other names where it has some of the same."""
    part = kept(ours)
    if theirs["openapi"].startswith("3.0"):
        part = lowered(part, part["components"]["schemas"])
    taken = set(called(normal(theirs)))
    words = chain([WORD], (f"{WORD}{number}" for number in count(2)))
    ways = (Renaming(taken, word).accounts(ours, part) for word in words)
    return next(way for way in ways if taken.isdisjoint(called(way.part)))


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
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        yield from node.get("discriminator", {}).get("mapping", {}).values()
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


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

    def __init__(self, taken: set[Name], word: str) -> None:
        self.taken = taken
        self.word = word
        paths = [name for kind, name in taken if kind == "path"]
        self.moved = tuple(
            section
            for sections in SECTIONS
            if any(path.startswith(sections) for path in paths)
            for section in sections
        )

    def accounts(self, ours: Mapping[str, Any], part: Mapping[str, Any]) -> Accounts:
        tags = {tag: self.tag(tag) for tag in TAGS}
        return Accounts(self.part(part), self.in_python(ours, part), self.word, self.moved, tags)

    def component(self, kind: str, name: str) -> str:
        return self.prefixed(name) if (kind, class_name(name)) in self.taken else name

    def operation(self, name: str) -> str:
        return self.prefixed(name) if ("operation", pascal(name)) in self.taken else name

    def tag(self, name: str) -> str:
        return f"{self.word}-{name}" if ("tag", snake(name)) in self.taken else name

    def prefixed(self, name: str) -> str:
        word = self.word if name[:1].islower() else self.word.capitalize()
        return f"{word}{name[:1].upper()}{name[1:]}"

    def path(self, path: str) -> str:
        return f"/{self.word}{path}" if path.startswith(self.moved) else path

    def part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.node(part)
        made["tags"] = [tag | {"name": self.tag(tag["name"])} for tag in made["tags"]]
        made["paths"] = {self.path(path): item for path, item in made["paths"].items()}
        made["components"] = {
            kind: {self.component(kind, name): child for name, child in members.items()}
            for kind, members in made["components"].items()
        }
        for scheme in made["components"]["securitySchemes"].values():
            for flow in scheme.get("flows", {}).values():
                flow |= {name: self.path(flow[name]) for name in ("tokenUrl", "refreshUrl")}
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

    def in_python(self, ours: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, str]:
        """What our code calls the generated half, and what it is called now."""
        names = Names.of(normal({**ours, **part}))
        found: dict[str, str] = {}
        for node in all_operations(part):
            was = node["operationId"]
            now = found[was] = self.operation(was)
            found[f"async def {names.methods[was]}"] = f"async def {method(now)}"
            for status in node["responses"]:
                found[f"{pascal(was)}{status}"] = f"{pascal(now)}{status}"
        for tag in names.modules:
            now = self.tag(tag)
            found[f"{pascal(tag)}Operations"] = f"{pascal(now)}Operations"
        for name in part["components"]["schemas"]:
            now = self.component("schemas", name)
            found[f"schemas.{name}"] = f"schemas.{now}"
        found["ProblemType"] = self.component("schemas", "ProblemType")
        return {was: now for was, now in found.items() if was != now}


def all_operations(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in (part.get("paths") or {}).values():
        yield from (node for _, node in operations(item))
