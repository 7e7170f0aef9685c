"""Which components of a document its paths, webhooks and security requirements lead to."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any

from charter.runtime.references import objects, tokens_of

Component = tuple[str, str]
"""The section and the name."""
REFERENCES = ("$ref", "$dynamicRef", "operationRef")
NAMES = {"$id", "$anchor", "$dynamicAnchor"}
"""By which a schema is referred to without a pointer."""


def components(document: Mapping[str, Any]) -> dict[Component, Any]:
    return {
        (section, name): node
        for section, named in mapping(document.get("components")).items()
        for name, node in mapping(named).items()
    }


def used(document: Mapping[str, Any], beside: Iterable[Component] = ()) -> set[Component]:
    """The components that are reached from outside of them, or from those `beside`.

    A search over references that looks through each component once.
    """
    known = components(document)
    named = [one for one, node in known.items() if has_name(node)]
    bases = {one: set(bases_of(node)) for one, node in known.items()}
    waiting = [*beside, *references({**document, "components": {}}, named)]
    found: set[Component] = set()
    while waiting:
        one = waiting.pop()
        if one not in known or one in found:
            continue
        found.add(one)
        waiting += references(known[one], named)
        if any("discriminator" in part for part in parts(known[one])):
            waiting += heirs(one, bases)  # which it tells apart by their names
    return found


def has_name(node: Any) -> bool:
    return any(NAMES & each.keys() for each in objects(node))


def heirs(base: Component, bases: Mapping[Component, Set[Component]]) -> set[Component]:
    """What is derived from a component, and what from that; ends where a round adds nothing."""
    found: set[Component] = set()
    while more := {one for one, its in bases.items() if its & {base, *found}} - found:
        found |= more
    return found


def bases_of(schema: Any) -> Iterator[Component]:
    for part in parts(schema):
        yield from targets(str(part.get("$ref", "")))


def parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema, and those that stand in its `allOf` or in theirs."""
    yield mapping(schema)
    inner = mapping(schema).get("allOf")
    for part in inner if isinstance(inner, list) else ():
        yield from parts(part)


def references(node: Any, named: Collection[Component]) -> Iterator[Component]:
    """The components that a node refers to; `named` are those that may be meant by a name."""
    for each in objects(node):
        for target in (each[keyword] for keyword in REFERENCES if keyword in each):
            yield from targets(str(target)) if "#/" in str(target) else named
        discriminator = mapping(each.get("discriminator"))
        chosen = [*mapping(discriminator.get("mapping")).values()]
        for target in (*chosen, discriminator.get("defaultMapping", "")):
            yield from (*targets(str(target)), ("schemas", str(target)))
        requirements = each.get("security")
        for requirement in requirements if isinstance(requirements, list) else ():
            for name in map(str, mapping(requirement)):  # or the URI of a scheme
                yield from (("securitySchemes", name), *targets(name))


def targets(reference: str) -> Iterator[Component]:
    """The component that a reference leads to or into."""
    section, *inside = tokens_of(reference)[1:] if "#/components/" in reference else ("",)
    if inside:
        yield section, inside[0]


def mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}
