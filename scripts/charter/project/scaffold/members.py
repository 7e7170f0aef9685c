"""What a schema says of an object's members, in all the parts that it is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from charter.runtime import Operation
from charter.runtime.contract import Contract
from charter.runtime.references import resolve

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Members:
    schemas: Mapping[str, Schema]
    """By name, as JSON has it."""
    required: frozenset[str]

    @classmethod
    def taken(cls, contract: Contract, operation: Operation) -> Self:
        """Those of a request's body."""
        node = contract.judge.at(operation.place)["requestBody"]
        return cls.of(contract.judge.document, node)

    @classmethod
    def shown(cls, contract: Contract, operation: Operation) -> Self:
        """Those of what an operation answers."""
        return cls.of(contract.judge.document, contract.judge.at(operation.success.place))

    @classmethod
    def of(cls, document: Schema, node: Schema) -> Self:
        """Those of the first media type of a body."""
        content = resolve(document, node).get("content", {})
        media_type: Schema = next(iter(content.values()), {})
        found = list(parts(document, resolve(document, media_type).get("schema", {})))
        schemas = {
            name: {**resolve(document, child), **child}
            for part in found
            for name, child in part.get("properties", {}).items()
        }
        return cls(schemas, frozenset(name for part in found for name in part.get("required", ())))

    def is_read_only(self, name: str) -> bool:
        return self.schemas.get(name, {}).get("readOnly") is True

    def may_be_null(self, name: str) -> bool:
        schema = self.schemas.get(name, {})
        alternatives = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
        return any("null" in types(one) for one in (schema, *alternatives))


def parts(document: Schema, schema: Any) -> Iterator[Schema]:
    resolved = resolve(document, schema)
    if isinstance(resolved, Mapping):
        yield resolved
        for part in resolved.get("allOf", ()):
            yield from parts(document, part)


def types(schema: Any) -> list[str]:
    found = schema.get("type", []) if isinstance(schema, Mapping) else []
    return [found] if isinstance(found, str) else list(found)
