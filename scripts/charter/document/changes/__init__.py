"""Every difference between two documents that a client could notice, and how much it hurts.

Texts for people (summaries, descriptions, examples) are not compared; nor are callbacks and what is
in webhooks, where the directions turn round.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from charter.document import Document
from charter.document.changes.judgement import Change, Direction, Effect, severity
from charter.document.changes.lifecycle import LifeCycle
from charter.document.changes.operations import Pair
from charter.document.changes.schemas import Differences, as_json
from charter.document.model import Model, Operation, Path, mapping
from charter.runtime.paths import TEMPLATE

__all__ = ["Change", "Direction", "changes"]


def changes(
    base: Document,
    revision: Document,
    *,
    today: date | None = None,
    notice: timedelta = timedelta(0),
) -> list[Change]:
    """What changed from `base` to `revision`, in the order of the newer document.

    `notice` is the shortest time that a deprecation has to leave until its sunset.
    """
    life_cycle = LifeCycle(today or date.today(), notice)  # noqa: DTZ011, sunsets have no zone
    return list(Comparison(Model(base), Model(revision), life_cycle).changes())


class Comparison:
    """Two documents as a whole."""

    def __init__(self, base: Model, revision: Model, life_cycle: LifeCycle) -> None:
        self.base = base
        self.revision = revision
        self.life_cycle = life_cycle
        self.differences = Differences(base, revision, life_cycle)

    def changes(self) -> Iterator[Change]:
        yield from self.operations()
        yield from self.webhooks()
        yield from self.schemas()
        yield from self.security_schemes()

    def operations(self) -> Iterator[Change]:
        olds, news = (by_shape(model) for model in (self.base, self.revision))
        kept = {shape for shape, _ in news}
        for key, old in olds.items():
            if (new := news.get(key)) is None:
                yield self.removed(old, "api" if key[0] in kept else "api-path")
        for key, new in news.items():
            if (known := olds.get(key)) is None:
                yield change(
                    "endpoint-added", Effect.KEEPS, "the operation is new.", new.label,
                    old=None, new=new.node.path,
                )  # fmt: skip
            else:
                yield from Pair(
                    self.base, self.revision, self.differences, self.life_cycle, known, new
                ).changes()

    def removed(self, old: Operation, noun: str) -> Change:
        step, effect, message = self.life_cycle.removal(old.node.value)
        message = message.replace("it is gone", "the operation is gone")
        return change(
            f"{noun}-{step}", effect, message, old.label, old=old.node.path, new=("paths",)
        )

    def webhooks(self) -> Iterator[Change]:
        was, now = (mapping(model.content.get("webhooks")) for model in (self.base, self.revision))
        for name in was.keys() ^ now.keys():
            path, subject = ("webhooks", name), f"webhook {name}"
            if name in now:
                added = "webhook-added", Effect.KEEPS, "the webhook is new."
                yield change(*added, subject, old=None, new=path)
            else:
                removed = "webhook-removed", Effect.REPLACES, "the webhook is gone."
                yield change(*removed, subject, old=path, new=())

    def schemas(self) -> Iterator[Change]:
        was, now = (model.components("schemas") for model in (self.base, self.revision))
        for name in was.keys() - now.keys():
            yield change(
                "api-schema-removed", Effect.KEEPS, "the component is gone.", f"schema {name}",
                old=("components", "schemas", name), new=("components",),
            )  # fmt: skip

    def security_schemes(self) -> Iterator[Change]:
        was, now = (model.components("securitySchemes") for model in (self.base, self.revision))
        for name in [*was, *(name for name in now if name not in was)]:
            path = ("components", "securitySchemes", name)
            subject = f"security scheme {name}"
            if name not in now or name not in was:
                action, word = ("added", "is new") if name in now else ("removed", "is gone")
                yield change(
                    f"api-security-component-{action}", Effect.KEEPS, f"it {word}.", subject,
                    old=path if name in was else None, new=path,
                )  # fmt: skip
                continue
            older, newer = (mapping(model.follow(path)[1]) for model in (self.base, self.revision))
            for rule, effect, message in scheme_changes(older, newer):
                yield change(
                    f"api-security-component-{rule}", effect, message, subject, old=path, new=path
                )


def change(
    rule: str, effect: Effect, message: str, subject: str, *, old: Path | None, new: Path | None
) -> Change:
    return Change(rule, severity(rule, effect, None), None, subject, "", message, old, new)


def scheme_changes(
    was: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[tuple[str, Effect, str]]:
    kinds = [tuple(map(one.get, ("type", "scheme", "in", "name"))) for one in (was, now)]
    if kinds[0] != kinds[1]:
        yield "type-changed", Effect.REPLACES, "it takes another kind of credentials."
    for rule, key in (
        ("oauth-url-changed", "authorizationUrl"), ("oauth-token-url-changed", "tokenUrl"),
    ):  # fmt: skip
        for flow in flows(was).keys() & flows(now).keys():
            older, newer = (mapping(flows(one)[flow]).get(key) for one in (was, now))
            if older != newer:
                yield rule, Effect.KEEPS, f"{key} went from {as_json(older)} to {as_json(newer)}."
    older, newer = (
        {name: said for flow in flows(one).values()
         for name, said in mapping(mapping(flow).get("scopes")).items()}
        for one in (was, now)
    )  # fmt: skip
    for name in sorted(older.keys() | newer.keys()):
        if name not in older or name not in newer:
            action = "added" if name in newer else "removed"
            yield f"oauth-scope-{action}", Effect.KEEPS, f"the scope {name} was {action}."
        elif older[name] != newer[name]:
            yield "oauth-scope-changed", Effect.KEEPS, f"the scope {name} is explained anew."


def flows(scheme: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(scheme.get("flows"))


def by_shape(model: Model) -> dict[tuple[str, str], Operation]:
    return {(shape_of(found.template), found.method): found for found in model.operations}


def shape_of(template: str) -> str:
    """A path without the names of its parameters, which no client sees."""
    return TEMPLATE.sub("{}", template)
