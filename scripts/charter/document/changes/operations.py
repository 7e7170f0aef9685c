"""What differs between an operation and the same one in a newer document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import zip_longest
from typing import Any

from charter.document.changes.judgement import Change, Direction, Effect, severity
from charter.document.changes.lifecycle import LifeCycle, Step
from charter.document.changes.schemas import ENTRY, Below, Difference, Differences, Found, Property
from charter.document.model import Model, Operation, Path, mapping, sequence
from charter.runtime import paths
from charter.runtime.styles import DEFAULT_STYLES

Placed = tuple[Path, Any]
"""A value and where it stands."""


class Root(Enum):
    """What a schema describes; the names that rules about it and about what is in it begin with."""

    REQUEST_BODY = ("request-body", "request-property")
    PARAMETER = ("request-parameter", "request-parameter-property")
    HEADER_PARAMETER = ("request-parameter", "request-header-property")
    RESPONSE_BODY = ("response-body", "response-property")
    RESPONSE_HEADER = ("response-header", "response-header-property")

    @property
    def direction(self) -> Direction:
        is_response = self in (Root.RESPONSE_BODY, Root.RESPONSE_HEADER)
        return Direction.RESPONSE if is_response else Direction.REQUEST


@dataclass(frozen=True)
class Pair:
    """An operation as it was and as it is."""

    base: Model
    revision: Model
    differences: Differences
    life_cycle: LifeCycle
    old: Operation
    new: Operation

    def changes(self) -> Iterator[Change]:
        yield from self.names()
        yield from self.stages()
        yield from self.security()
        yield from self.parameters()
        yield from self.request_body()
        yield from self.responses()

    def change(
        self,
        rule: str,
        effect: Effect,
        message: str,
        *,
        old: Path | None = None,
        new: Path | None = None,
        where: str = "",
        direction: Direction | None = Direction.REQUEST,
    ) -> Change:
        """By default what both operations say of themselves, or of their requests."""
        return Change(
            rule, severity(rule, effect, direction), direction, self.new.label, where, message,
            old or self.old.node.path, new or self.new.node.path,
        )  # fmt: skip

    # -- the operation itself ----------------------------------------------------------------------

    def names(self) -> Iterator[Change]:
        was, now = (found.node.value.get("operationId") for found in (self.old, self.new))
        if was != now:
            action, effect, message = "added", Effect.KEEPS, f"its operationId is {now}."
            if was is not None:  # which is the name of a client's method
                message = f"the operationId went from {was} to {now or 'nothing'}."
                action, effect = "removed", Effect.REPLACES
            yield self.change(
                f"api-operation-id-{action}", effect, message,
                new=(*self.new.node.path, "operationId"), direction=None,
            )  # fmt: skip
        older, newer = (found.node.entries("tags") for found in (self.old, self.new))
        for tags, others, action in ((older, newer, "removed"), (newer, older, "added")):
            for tag in tags:
                if tag not in others:
                    yield self.change(
                        f"api-tag-{action}", Effect.KEEPS, f"the tag {tag} was {action}.",
                        direction=None,
                    )  # fmt: skip

    def stages(self) -> Iterator[Change]:
        names = {
            "deprecated": "endpoint-deprecated",
            "deprecated-with-sunset": "endpoint-deprecated-with-sunset",
            "reactivated": "endpoint-reactivated",
            "sunset-parse": "api-deprecated-sunset-parse",
            "sunset-deleted": "sunset-deleted",
        }
        for step, effect, message in self.life_cycle.steps(
            self.old.node.value, self.new.node.value
        ):
            yield self.change(names.get(step, f"api-{step}"), effect, message, direction=None)

    def security(self) -> Iterator[Change]:
        """Whoever was let in must be let in still; the global requirement is inherited."""
        (old, _), (new, _) = self.base.security(self.old), self.revision.security(self.new)
        own = "api" if len(new) > 1 or len(old) > 1 else "api-global"
        olds, news = requirements(self.base, self.old), requirements(self.revision, self.new)
        for ones, others, action, effect, message in (
            (olds, news, "added", Effect.NARROWS, "what was enough ({}) is not any more."),
            (news, olds, "removed", Effect.WIDENS, "{} is enough now."),
        ):
            for one in ones:
                if not any(other <= one for other in others):
                    is_scope = any(schemes(one) == schemes(other) for other in others)
                    rule = f"{own}-security{'-scope' * is_scope}-{action}"
                    yield self.change(rule, effect, message.format(spoken(one)), old=old, new=new)

    # -- requests ----------------------------------------------------------------------------------

    def parameters(self) -> Iterator[Change]:
        olds, news = self.base.parameters(self.old), self.revision.parameters(self.new)
        renamed = dict(zip_longest(paths.names(self.old.template), paths.names(self.new.template)))
        newer = {known_as(where, name): found for (where, name), found in news.items()}
        for (where, name), old in olds.items():
            key = known_as(where, renamed.get(name, name) if where == "path" else name)
            label = f"{where} parameter {name}"
            if (new := newer.pop(key, None)) is not None:
                yield from self.parameter(where, label, old, new)
                continue
            step, effect, message = self.life_cycle.removal(mapping(old[1]))
            if step == "removed-without-deprecation":
                step, message = "removed", "the parameter is gone."
            yield self.change(f"request-parameter-{step}", effect, message, old=old[0], where=label)
        for (where, name), (path, value) in newer.items():
            label = f"{where} parameter {mapping(value).get('name', name)}"
            yield self.new_parameter(where, label, path, mapping(value))

    def new_parameter(self, where: str, label: str, path: Path, value: Mapping[str, Any]) -> Change:
        required = is_required(value)
        is_shared = any(
            self.revision.follow((*self.new.item.path, "parameters", index))[0] == path
            for index, _ in enumerate(self.new.item.entries("parameters"))
        )
        kind = "required" if required else "optional"
        rule = f"new-{kind}-request-parameter"
        if where == "path":
            rule = "new-request-path-parameter"
        elif is_shared:
            rule = f"new-{kind}-request-default-parameter-to-existing-path"
        effect = Effect.NARROWS if required or where == "path" else Effect.WIDENS
        return self.change(
            rule, effect, f"a{'n' * (not required)} {kind} parameter is new.", new=path, where=label
        )

    def parameter(self, where: str, label: str, old: Placed, new: Placed) -> Iterator[Change]:
        was, now = mapping(old[1]), mapping(new[1])
        change = partial(self.change, old=old[0], new=new[0], where=label)
        for said in requirement(
            "request-parameter", was, now,
            "the parameter became required.", "the parameter may be left out now.",
        ):  # fmt: skip
            yield change(*said, new=(*new[0], "required") if is_required(now) else new[0])
        if serialisation(where, was) != serialisation(where, now):
            message = "it is written in another style."
            yield change("request-parameter-style-changed", Effect.REPLACES, message)
        for step, effect, message in self.life_cycle.steps(was, now):
            yield change(f"request-parameter-{step}", effect, message)
        root = Root.HEADER_PARAMETER if where == "header" else Root.PARAMETER
        if "schema" in was and "schema" in now:
            yield from self.schemas(root, label, (*old[0], "schema"), (*new[0], "schema"))
        yield from self.contents(root, label, old, new)

    def request_body(self) -> Iterator[Change]:
        old, new = (
            member(model, found.node.path, "requestBody")
            for model, found in ((self.base, self.old), (self.revision, self.new))
        )
        label = "request body"
        if old is None or new is None:
            if old is not None:
                message = "the request body is gone."
                yield self.change("request-body-removed", Effect.REPLACES, message, old=old[0])
            elif new is not None:
                required = is_required(new[1])
                kind = "required" if required else "optional"
                yield self.change(
                    f"request-body-added-{kind}", Effect.NARROWS if required else Effect.WIDENS,
                    f"a{'n' * (not required)} {kind} request body is new.", new=new[0],
                )  # fmt: skip
            return
        for step in requirement(
            "request-body", old[1], new[1],
            "a request body became required.", "the request body may be left out now.",
        ):  # fmt: skip
            yield self.change(*step, old=old[0], new=new[0])
        yield from self.contents(Root.REQUEST_BODY, label, old, new)

    # -- responses ---------------------------------------------------------------------------------

    def responses(self) -> Iterator[Change]:
        olds, news = (found.node.members("responses") for found in (self.old, self.new))
        for status in olds:
            if status not in news:
                yield self.status(status, "removed", Effect.WIDENS)
        for status in news:
            if status not in olds:
                yield self.status(status, "added", Effect.NARROWS)
                continue
            old, new = (
                model.follow((*found.node.path, "responses", status))
                for model, found in ((self.base, self.old), (self.revision, self.new))
            )
            label = f"response {status}"
            yield from self.contents(Root.RESPONSE_BODY, label, old, new)
            yield from self.headers(label, old[0], new[0])

    def status(self, status: str, action: str, effect: Effect) -> Change:
        kind = "success" if status.startswith(("2", "3")) else "non-success"
        word = "is gone" if action == "removed" else "is new"
        return self.change(
            f"response-{kind}-status-{action}", effect, f"the response {status} {word}.",
            new=(*self.new.node.path, "responses", *([status] if action == "added" else [])),
            direction=Direction.RESPONSE,
        )  # fmt: skip

    def headers(self, label: str, old: Path, new: Path) -> Iterator[Change]:
        olds, news = (
            {name.lower(): (*path, "headers", name) for name in members(model, path, "headers")}
            for model, path in ((self.base, old), (self.revision, new))
        )
        for name in olds.keys() | news.keys():
            where = f"{label} header {(olds.get(name) or news[name])[-1]}"
            if name not in olds:
                yield self.header(
                    "response-header-added", Effect.NARROWS, "the header is new.", where,
                    old, news[name],
                )  # fmt: skip
                continue
            old_path, was = self.base.follow(olds[name])
            if name not in news:
                kind = "required" if is_required(was) else "optional"
                yield self.header(
                    f"{kind}-response-header-removed", Effect.WIDENS, "the header is gone.", where,
                    old_path, (*new, "headers"),
                )  # fmt: skip
                continue
            new_path, now = self.revision.follow(news[name])
            for step in requirement(
                "response-header", was, now,
                "the header is always there now.", "the header may now be missing.",
            ):  # fmt: skip
                yield self.header(*step, where, old_path, new_path)
            if "schema" in mapping(was) and "schema" in mapping(now):
                yield from self.schemas(
                    Root.RESPONSE_HEADER, where, (*old_path, "schema"), (*new_path, "schema")
                )

    def header(
        self, rule: str, effect: Effect, message: str, where: str, old: Path, new: Path
    ) -> Change:
        return self.change(
            rule, effect, message, old=old, new=new, where=where, direction=Direction.RESPONSE
        )

    # -- bodies ------------------------------------------------------------------------------------

    def contents(self, root: Root, label: str, old: Placed, new: Placed) -> Iterator[Change]:
        was, now = (mapping(mapping(found[1]).get("content")) for found in (old, new))
        requests = root.direction is Direction.REQUEST
        noun = "request-body-media-type" if requests else "response-media-type"
        gained = Effect.WIDENS if requests else Effect.NARROWS
        lost = Effect.NARROWS if requests else Effect.WIDENS
        renamed = dict(renamings(was, now))
        for media_type in was:
            if (newer := renamed.get(media_type, media_type)) not in now:
                yield self.change(
                    f"{noun}-removed", lost, f"{media_type} is gone.", old=old[0],
                    new=(*new[0], "content"), where=label, direction=root.direction,
                )  # fmt: skip
                continue
            if newer != media_type:
                yield self.renamed(root, label, media_type, newer, old[0], new[0])
            yield from self.content(
                root, label, (*old[0], "content", media_type), (*new[0], "content", newer)
            )
        for media_type in now.keys() - was.keys() - set(renamed.values()):
            yield self.change(
                f"{noun}-added", gained, f"{media_type} is new.", old=old[0],
                new=(*new[0], "content", media_type), where=label, direction=root.direction,
            )  # fmt: skip

    def renamed(self, root: Root, label: str, was: str, now: str, old: Path, new: Path) -> Change:
        if is_range(now) and not is_range(was):
            action, effect = "name-generalized", Effect.WIDENS
        elif is_range(was) and not is_range(now):
            action, effect = "name-specialized", Effect.NARROWS
        else:
            action, effect = "name-changed", Effect.KEEPS
        noun = "request-body" if root.direction is Direction.REQUEST else "response"
        return self.change(
            f"{noun}-media-type-{action}", effect, f"{was} is called {now} now.",
            old=(*old, "content", was), new=(*new, "content", now), where=label,
            direction=root.direction,
        )  # fmt: skip

    def content(self, root: Root, label: str, old: Path, new: Path) -> Iterator[Change]:
        sides = ((self.base, old), (self.revision, new))
        for keyword in ("schema", "itemSchema"):
            had, has = (keyword in mapping(model.at(path)) for model, path in sides)
            if had and has:
                yield from self.schemas(root, label, (*old, keyword), (*new, keyword))
            elif had != has:
                action, effect = ("added", Effect.NARROWS) if has else ("removed", Effect.WIDENS)
                yield self.change(
                    f"{root.value[0]}-media-type-schema-{action}", effect,
                    f"{new[-1]} has {'a' if has else 'no'} {keyword} now.",
                    old=old, new=new, where=label, direction=root.direction,
                )  # fmt: skip

    def schemas(self, root: Root, label: str, old: Path, new: Path) -> Iterator[Change]:
        """Every pair of schemas that can be reached from a pair, each once."""
        media_type = old[-2] if old[-3:-2] == ("content",) else "application/json"
        yield from Walk(self, root, "json" in str(media_type)).schemas(old, new, label)


@dataclass
class Walk:
    """From one pair of schemas to all that lie below."""

    pair: Pair
    root: Root
    is_json: bool
    seen: set[tuple[Path, Path]] = field(default_factory=set)

    def schemas(self, old: Path, new: Path, label: str) -> Iterator[Change]:
        """Depth first, in the order of the older document; the stack is our own."""
        waiting = [(old, new, label, self.root.value[0])]
        while waiting:
            old, new, where, prefix = waiting.pop()
            places, found = self.pair.differences.between(old, new)
            if places in self.seen:
                continue
            self.seen.add(places)
            yield from self.own(found, where, prefix)
            yield from (self.property(one, where) for one in found.properties)
            for below in reversed(found.below):
                label = where if below.name is None else f"{where}/{below.name}"
                waiting.append((below.old, below.new, label, self.prefix(below, prefix)))

    def prefix(self, below: Below, prefix: str) -> str:
        """Entries of a parameter are written like the parameter itself."""
        is_parameter = self.root.direction is Direction.REQUEST and "parameter" in prefix
        if below.name is None or (below.name == ENTRY and is_parameter):
            return prefix
        return self.root.value[1]

    def own(self, found: Found, where: str, prefix: str) -> Iterator[Change]:
        direction = self.root.direction
        if prefix == "request-property" and found.is_read_only:
            prefix = "request-read-only-property"
        if prefix == "response-property" and found.is_write_only:
            prefix = "response-write-only-property"
        for one in found.differences:
            rule, effect = f"{prefix}-{one.rule}", one.effect
            if not self.is_json and "type" in one.rule and self.is_text(one):
                rule, effect = f"{prefix}-type-compatible", Effect.KEEPS
            if rule.startswith("request-parameter-default-value"):
                effect = Effect.REPLACES  # a client that leaves it out counts on what it means
            yield self.pair.change(
                rule, effect, one.message, old=one.old, new=one.new, where=where,
                direction=direction,
            )  # fmt: skip

    def is_text(self, one: Difference) -> bool:
        """Whether the side that allows more allows any text, which what is not JSON always is."""
        differences = self.pair.differences
        requests = self.root.direction is Direction.REQUEST
        shapes, path = (differences.news, one.new) if requests else (differences.olds, one.old)
        return shapes.types(shapes.of(path[:-1] if path[-1] == "type" else path)) == {"string"}

    def property(self, one: Property, where: str) -> Change:
        describe = self.requested if self.root.direction is Direction.REQUEST else self.answered
        rule, effect, message = describe(one)
        return self.pair.change(
            rule, effect, message, old=one.old, new=one.new, where=f"{where}/{one.name}",
            direction=self.root.direction,
        )  # fmt: skip

    def requested(self, one: Property) -> Step:
        noun = self.root.value[1].replace("-parameter-", "-")
        kind = "required" if one.is_required else "optional"
        default = "-with-default" if one.has_default else ""
        own = noun.replace("request", "request-read-only") if one.is_read_only else noun
        match one.change:
            case "added" if one.is_required and not one.is_read_only:
                rule = f"new-required-{noun}{default}"
                return rule, Effect.NARROWS, "a required property is new."
            case "added":
                return f"new-optional-{noun}", Effect.WIDENS, "an optional property is new."
            case "removed":
                return f"{own}-removed", Effect.NARROWS, "the property is gone."
            case "became-required":
                rule = f"{own}-became-required{default}"
                return rule, Effect.NARROWS, "the property became required."
            case "became-optional":
                message = "the property may be left out now."
                return f"{noun}-became-optional", Effect.WIDENS, message
        rule = f"{noun.replace('request', f'request-{kind}')}-{one.change}"
        return rule, Effect.KEEPS, spoken_mutability(one.change)

    def answered(self, one: Property) -> Step:
        noun = self.root.value[1]
        kind = "required" if one.is_required else "optional"
        write_only = "-write-only" if one.is_write_only else ""
        own = noun.replace("response", f"response{write_only}")
        match one.change:
            case "added" | "removed":
                rule = noun.replace("response", f"response-{kind}{write_only}") + f"-{one.change}"
                if one.change == "added":
                    return rule, Effect.NARROWS, "the property is new."
                return rule, Effect.WIDENS, "the property is gone."
            case "became-required":
                message = "the property is always there now."
                return f"{own}-became-required", Effect.NARROWS, message
            case "became-optional":
                return f"{own}-became-optional", Effect.WIDENS, "the property may now be missing."
        rule = f"{noun.replace('response', f'response-{kind}')}-{one.change}"
        appears = one.is_required and one.change == "became-not-write-only"
        effect = Effect.WIDENS if appears else Effect.KEEPS
        return rule, effect, spoken_mutability(one.change)


def is_required(value: Any) -> bool:
    return mapping(value).get("required") is True


def requirement(noun: str, was: Any, now: Any, required: str, optional: str) -> Iterator[Step]:
    """What is said of something that became required, or optional."""
    if is_required(now) and not is_required(was):
        yield f"{noun}-became-required", Effect.NARROWS, required
    elif is_required(was) and not is_required(now):
        yield f"{noun}-became-optional", Effect.WIDENS, optional


def spoken_mutability(change: str) -> str:
    noun = "read-only" if "read-only" in change else "write-only"
    return f"the property is {'not ' if '-not-' in change else ''}{noun} now."


def requirements(model: Model, operation: Operation) -> list[frozenset[tuple[str, str]]]:
    """The alternatives, each as pairs of scheme and scope; an empty one lets everyone in."""
    alternatives = sequence(model.security(operation)[1])
    return [
        frozenset(
            (name, str(scope))
            for name, scopes in mapping(alternative).items()
            for scope in ("", *sequence(scopes))
        )
        for alternative in alternatives
    ] or [frozenset()]


def schemes(requirement: frozenset[tuple[str, str]]) -> frozenset[str]:
    return frozenset(name for name, _ in requirement)


def spoken(requirement: frozenset[tuple[str, str]]) -> str:
    words = [f"{name} {scope}".rstrip() for name, scope in sorted(requirement)]
    return " and ".join(words) or "nothing"


def known_as(where: str, name: str) -> tuple[str, str]:
    """Headers have no case (RFC 9110 section 5.1)."""
    return where, name.lower() if where == "header" else name


def serialisation(where: str, parameter: Mapping[str, Any]) -> tuple[str, bool]:
    style = parameter.get("style", DEFAULT_STYLES.get(where, ""))
    return str(style), bool(parameter.get("explode", style == "form"))


def renamings(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Media types that differ in their parameters only, or where a range took the place of one."""
    added = [name for name in now if name not in was]
    for name in was:
        if name in now:
            continue
        for other in added:
            if bare(name) == bare(other) or covers(other, name) or covers(name, other):
                added.remove(other)
                yield name, other
                break


def bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def is_range(media_type: str) -> bool:
    return "*" in bare(media_type)


def covers(wide: str, narrow: str) -> bool:
    main, _, sub = bare(wide).partition("/")
    return sub == "*" and (main == "*" or bare(narrow).startswith(f"{main}/"))


def member(model: Model, path: Path, name: str) -> Placed | None:
    if name not in mapping(model.at(path)):
        return None
    return model.follow((*path, name))


def members(model: Model, path: Path, name: str) -> Mapping[str, Any]:
    return mapping(mapping(model.at(path)).get(name))
